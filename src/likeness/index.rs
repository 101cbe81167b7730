//! The index in memory: what is kept of every registered work and every image, looked through from end to end. Exact, and the same for
//! the same content, in whatever order it came.

use std::collections::HashMap;
use std::fmt;

use colophon_likeness::scan::{fewest_bits, greatest_products};
use colophon_likeness::{Iscc, Pdq, PerceptualHash256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Blake3, blake3_of};
use crate::id::{ImageId, WorkId};

/// 64 whole numbers, together of length 127.
pub type Descriptor = [i8; 64];

/// What a fingerprint is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A registered work.
    Work(WorkId),
    /// An image.
    Image(ImageId),
}

impl Subject {
    /// Reads the text form: the id's own.
    pub fn parse(text: &str) -> Option<Self> {
        WorkId::parse(text).map(Self::Work).or_else(|_| ImageId::parse(text).map(Self::Image)).ok()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Work(id) => id.fmt(f),
            Self::Image(id) => id.fmt(f),
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is neither a work nor an image")))
    }
}

/// What is kept of a picture to find it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprints {
    /// By the network of `generation::embedding`.
    pub descriptor: Descriptor,
    /// Meta's hash.
    pub pdq: Pdq,
    /// ISO 24138.
    pub iscc: Iscc,
}

impl Fingerprints {
    /// Bytes of the stored form.
    pub const LENGTH: usize = 64 + 32 + 1 + 32;

    /// The stored form: descriptor, PDQ, its quality, ISCC.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.descriptor.iter().map(|x| x.cast_unsigned()).collect();
        bytes.extend(self.pdq.hash.0);
        bytes.push(self.pdq.quality);
        bytes.extend(self.iscc.bits());
        bytes
    }

    /// Reads the stored form.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let (descriptor, rest) = bytes.split_first_chunk::<64>()?;
        let (pdq, rest) = rest.split_first_chunk::<32>()?;
        let (&quality, rest) = rest.split_first()?;
        let iscc: [u8; 32] = rest.try_into().ok()?;
        Some(Self {
            descriptor: descriptor.map(u8::cast_signed),
            pdq: Pdq { hash: PerceptualHash256(*pdq), quality },
            iscc: Iscc::from_bits(iscc),
        })
    }
}

/// One kind of subject, column by column.
#[derive(Debug, Default)]
struct Shelf {
    subjects: Vec<Subject>,
    descriptors: Vec<Descriptor>,
    pdq: Vec<[u8; 32]>,
    qualities: Vec<u8>,
    iscc: Vec<[u8; 32]>,
    places: HashMap<Subject, u32>,
}

impl Shelf {
    fn add(&mut self, subject: Subject, f: &Fingerprints) {
        if let Some(&place) = self.places.get(&subject) {
            let at = place as usize;
            (self.descriptors[at], self.pdq[at], self.qualities[at]) = (f.descriptor, f.pdq.hash.0, f.pdq.quality);
            self.iscc[at] = f.iscc.bits();
            return;
        }
        self.places.insert(subject, self.subjects.len() as u32);
        self.subjects.push(subject);
        self.descriptors.push(f.descriptor);
        self.pdq.push(f.pdq.hash.0);
        self.qualities.push(f.pdq.quality);
        self.iscc.push(f.iscc.bits());
    }

    fn remove(&mut self, subject: Subject) -> bool {
        let Some(place) = self.places.remove(&subject) else { return false };
        let at = place as usize;
        self.subjects.swap_remove(at);
        self.descriptors.swap_remove(at);
        self.pdq.swap_remove(at);
        self.qualities.swap_remove(at);
        self.iscc.swap_remove(at);
        if let Some(moved) = self.subjects.get(at) {
            self.places.insert(*moved, place);
        }
        true
    }

    fn of(&self, subject: Subject) -> Option<Fingerprints> {
        let at = *self.places.get(&subject)? as usize;
        Some(Fingerprints {
            descriptor: self.descriptors[at],
            pdq: Pdq { hash: PerceptualHash256(self.pdq[at]), quality: self.qualities[at] },
            iscc: Iscc::from_bits(self.iscc[at]),
        })
    }

    /// In an order that content alone decides: the value, then the subject. `more` rows than asked for are looked at, as rows of one value
    /// stand in the order of their coming.
    fn ordered(&self, found: Vec<(u32, i32)>, most: usize) -> Vec<(Subject, i32)> {
        let mut all: Vec<(Subject, i32)> = found.into_iter().map(|(at, value)| (self.subjects[at as usize], value)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(most);
        all
    }
}

/// Rows beyond those asked for that are looked at, so that ties are broken by the subject.
const TIES: usize = 64;

/// Everything that can be found by picture.
#[derive(Debug, Default)]
pub struct Index {
    works: Shelf,
    images: Shelf,
    digest: std::sync::Mutex<Option<Blake3>>,
}

impl Index {
    const fn shelf(&self, subject: Subject) -> &Shelf {
        match subject {
            Subject::Work(_) => &self.works,
            Subject::Image(_) => &self.images,
        }
    }

    const fn shelf_mut(&mut self, subject: Subject) -> &mut Shelf {
        match subject {
            Subject::Work(_) => &mut self.works,
            Subject::Image(_) => &mut self.images,
        }
    }

    /// Adds a subject, or puts new fingerprints in the place of its old ones.
    pub fn add(&mut self, subject: Subject, fingerprints: &Fingerprints) {
        self.forget_digest(subject);
        self.shelf_mut(subject).add(subject, fingerprints);
    }

    /// Takes a subject out; says whether it was in.
    pub fn remove(&mut self, subject: Subject) -> bool {
        self.forget_digest(subject);
        self.shelf_mut(subject).remove(subject)
    }

    fn forget_digest(&mut self, subject: Subject) {
        if matches!(subject, Subject::Work(_)) {
            *self.digest.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
        }
    }

    /// How many works there are.
    pub fn works(&self) -> usize {
        self.works.subjects.len()
    }

    /// How many images there are.
    pub fn images(&self) -> usize {
        self.images.subjects.len()
    }

    /// What is kept of a subject.
    pub fn of(&self, subject: Subject) -> Option<Fingerprints> {
        self.shelf(subject).of(subject)
    }

    /// The works whose descriptors lie nearest to any of the query's, the nearest first; at most `most`.
    pub fn proposed_works(&self, descriptors: &[Descriptor], most: usize) -> Vec<Subject> {
        proposed(&self.works, descriptors, most)
    }

    /// The same of images.
    pub fn proposed_images(&self, descriptors: &[Descriptor], most: usize) -> Vec<Subject> {
        proposed(&self.images, descriptors, most)
    }

    /// The images with the fewest bits between their ISCC and this one, with their number.
    pub fn images_by_iscc(&self, iscc: &Iscc, most: usize) -> Vec<(Subject, u32)> {
        by_bits(&self.images, &self.images.iscc, &iscc.bits(), most)
    }

    /// The works with the fewest bits between their PDQ hash and this one, with their number.
    pub fn works_by_pdq(&self, hash: &PerceptualHash256, most: usize) -> Vec<(Subject, u32)> {
        by_bits(&self.works, &self.works.pdq, &hash.0, most)
    }

    /// The works with the fewest bits between their ISCC and this one, with their number.
    pub fn works_by_iscc(&self, iscc: &Iscc, most: usize) -> Vec<(Subject, u32)> {
        by_bits(&self.works, &self.works.iscc, &iscc.bits(), most)
    }

    /// Names what works are compared with: BLAKE3 over id and stored fingerprints of every work, in the order of their ids. Anybody who
    /// has the works can compute it. Kept until a work comes or goes.
    pub fn digest(&self) -> Blake3 {
        let mut kept = self.digest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *kept.get_or_insert_with(|| {
            let mut order: Vec<u32> = (0..self.works.subjects.len() as u32).collect();
            order.sort_unstable_by_key(|&at| self.works.subjects[at as usize]);
            let mut bytes = Vec::with_capacity(order.len() * (32 + Fingerprints::LENGTH));
            for at in order {
                let subject = self.works.subjects[at as usize];
                bytes.extend(subject.to_string().as_bytes());
                // INVARIANT: the subject was just taken from this shelf.
                bytes.extend(self.works.of(subject).iter().flat_map(Fingerprints::to_bytes));
            }
            blake3_of(&bytes)
        })
    }

    /// Bytes that the index takes, without what the allocator adds.
    pub fn bytes(&self) -> usize {
        let each = size_of::<Subject>() + Fingerprints::LENGTH + size_of::<(Subject, u32)>() * 8 / 7 + 1;
        (self.works() + self.images()) * each
    }
}

fn proposed(shelf: &Shelf, descriptors: &[Descriptor], most: usize) -> Vec<Subject> {
    let mut best: HashMap<u32, i32> = HashMap::new();
    for descriptor in descriptors {
        for (at, value) in greatest_products(descriptor, &shelf.descriptors, most + TIES) {
            let known = best.entry(at).or_insert(value);
            *known = value.max(*known);
        }
    }
    shelf.ordered(best.into_iter().collect(), most).into_iter().map(|(subject, _)| subject).collect()
}

fn by_bits(shelf: &Shelf, rows: &[[u8; 32]], bits: &[u8; 32], most: usize) -> Vec<(Subject, u32)> {
    let found = shelf.ordered(fewest_bits(bits, rows, most + TIES), most);
    found.into_iter().map(|(subject, value)| (subject, value.unsigned_abs())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(n: u8) -> Subject {
        Subject::Work(WorkId::derived(&[n]))
    }

    fn prints(n: u8) -> Fingerprints {
        let descriptor = std::array::from_fn(|i| if i == usize::from(n) % 64 { 127 } else { (i % 3) as i8 });
        Fingerprints {
            descriptor,
            pdq: Pdq { hash: PerceptualHash256([n; 32]), quality: n },
            iscc: Iscc::from_bits([n.wrapping_mul(31); 32]),
        }
    }

    #[test]
    fn coming_and_going_leaves_what_building_anew_gives() {
        let mut index = Index::default();
        (0..40).for_each(|n| index.add(work(n), &prints(n)));
        index.add(Subject::Image(ImageId::derived(b"i")), &prints(3));
        assert!((10..20).all(|n| index.remove(work(n))) && !index.remove(work(10)));
        let mut anew = Index::default();
        (0..40).rev().filter(|n| !(10..20).contains(n)).for_each(|n| anew.add(work(n), &prints(n)));
        assert_eq!((index.works(), index.images(), anew.works()), (30, 1, 30));
        assert_eq!(index.digest(), anew.digest());
        for n in 0..40 {
            let asked = [prints(n).descriptor];
            assert_eq!(index.proposed_works(&asked, 7), anew.proposed_works(&asked, 7), "{n}");
            assert_eq!(index.of(work(n)), anew.of(work(n)));
            assert_eq!(index.works_by_pdq(&prints(n).pdq.hash, 5), anew.works_by_pdq(&prints(n).pdq.hash, 5));
            assert_eq!(index.works_by_iscc(&prints(n).iscc, 5), anew.works_by_iscc(&prints(n).iscc, 5));
        }
        assert_eq!(index.proposed_works(&[prints(25).descriptor], 1), [work(25)]);
        let before = index.digest();
        index.add(work(25), &prints(26));
        assert_ne!(index.digest(), before, "new fingerprints, another index");
        assert_eq!(index.works(), 30);
    }

    #[test]
    fn stored_form_round_trips() {
        let prints = prints(200);
        assert_eq!(prints.to_bytes().len(), Fingerprints::LENGTH);
        assert_eq!(Fingerprints::from_slice(&prints.to_bytes()), Some(prints));
        assert_eq!(Fingerprints::from_slice(&prints.to_bytes()[1..]), None);
        assert_eq!(Subject::parse(&work(1).to_string()), Some(work(1)));
        assert_eq!(Subject::parse("model_01JDVX3N5ZK8W0Q2R4T6Y8A0BC"), None);
    }
}

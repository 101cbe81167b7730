//! Downstream: everything that stands on a work.

use crate::clock::Timestamp;
use crate::id::{DatasetId, DisputeId, GrantId, ImageId, ModelId, StatementId, WorkId};

/// What stands on a work: the datasets it is in, the models trained on those or adapted from such models, the images they made, and the
/// images that drew on the work itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Impact {
    /// Datasets it is a member of.
    pub datasets: Vec<DatasetId>,
    /// Models trained on one of them, and adapters of such models.
    pub models: Vec<ModelId>,
    /// Images that drew on it, oldest first.
    pub drawn: Vec<ImageId>,
    /// Images of those models that did not draw on it, oldest first.
    pub made: Vec<ImageId>,
}

/// Why a work may no longer be used as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A grant was revoked.
    Grant(GrantId),
    /// It is disputed, or a dispute on it was upheld.
    Dispute(DisputeId),
    /// An opt-out was seen: the statement that keeps it.
    Reservation(StatementId),
}

/// One part of what is put on record when a work may no longer be used as before. A log entry holds some thousand ids, so there may be several.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImpactPart {
    /// The work.
    pub work: WorkId,
    /// The grant whose revocation it follows from, if it is that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// The dispute it follows from, if it is that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<DisputeId>,
    /// The statement of the reservation it follows from, if it is that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<StatementId>,
    /// From when the work may not be used as before.
    pub since: Timestamp,
    /// Which part this is, from 1.
    pub part: usize,
    /// Of how many.
    pub parts: usize,
    /// Datasets; all in the first part.
    pub datasets: Vec<DatasetId>,
    /// Models; all in the first part.
    pub models: Vec<ModelId>,
    /// Images that drew on the work.
    pub drawn: Vec<ImageId>,
    /// Images that such a model made without drawing on it.
    pub made: Vec<ImageId>,
}

/// Images in one part.
pub const PART: usize = 1_000;

impl Impact {
    /// Whether nothing stands on the work.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// In parts that fit a log entry; none when nothing stands on the work.
    pub fn parts(&self, work: WorkId, cause: Cause, since: Timestamp) -> Vec<ImpactPart> {
        if self.is_empty() {
            return Vec::new();
        }
        let images: Vec<(bool, ImageId)> =
            self.drawn.iter().map(|id| (true, *id)).chain(self.made.iter().map(|id| (false, *id))).collect();
        let parts = images.len().div_ceil(PART).max(1);
        (0..parts)
            .map(|n| {
                let here = &images[(n * PART).min(images.len())..((n + 1) * PART).min(images.len())];
                let of = |drew: bool| here.iter().filter(|(d, _)| *d == drew).map(|(_, id)| *id).collect();
                ImpactPart {
                    work,
                    grant: if let Cause::Grant(grant) = cause { Some(grant) } else { None },
                    dispute: if let Cause::Dispute(dispute) = cause { Some(dispute) } else { None },
                    reservation: if let Cause::Reservation(statement) = cause { Some(statement) } else { None },
                    since,
                    part: n + 1,
                    parts,
                    datasets: if n == 0 { self.datasets.clone() } else { vec![] },
                    models: if n == 0 { self.models.clone() } else { vec![] },
                    drawn: of(true),
                    made: of(false),
                }
            })
            .collect()
    }
}

impl ImpactPart {
    /// Ids of everything it names.
    pub fn abouts(&self) -> Vec<String> {
        let ids = self.datasets.iter().map(ToString::to_string).chain(self.models.iter().map(ToString::to_string));
        ids.chain(self.drawn.iter().chain(&self.made).map(ToString::to_string)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_everything_once() {
        let image = |n: u32| ImageId::derived(&n.to_be_bytes());
        let impact = Impact {
            datasets: vec![DatasetId::derived(b"d")],
            models: vec![ModelId::derived(b"m")],
            drawn: (0..1_500).map(image).collect(),
            made: (1_500..2_600).map(image).collect(),
        };
        let parts = impact.parts(WorkId::derived(b"w"), Cause::Grant(GrantId::derived(b"g")), Timestamp::from_millis(7));
        assert_eq!(parts.iter().map(|p| (p.part, p.parts)).collect::<Vec<_>>(), [(1, 3), (2, 3), (3, 3)]);
        assert_eq!(parts.iter().flat_map(|p| p.drawn.clone()).collect::<Vec<_>>(), impact.drawn);
        assert_eq!(parts.iter().flat_map(|p| p.made.clone()).collect::<Vec<_>>(), impact.made);
        assert_eq!(parts.iter().map(|p| p.models.len() + p.datasets.len()).collect::<Vec<_>>(), [2, 0, 0]);
        assert_eq!(parts.iter().map(|p| p.abouts().len()).sum::<usize>(), 2_602);
        // The largest fits an entry of the log, which holds 65,535 bytes, in base64.
        assert!(parts.iter().all(|p| serde_json::to_vec(p).unwrap().len() < 48_000));
        let cause = Cause::Dispute(DisputeId::derived(b"d"));
        assert!(Impact::default().parts(WorkId::derived(b"w"), cause, Timestamp::from_millis(7)).is_empty());
    }
}

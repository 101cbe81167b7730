//! SVG files of the Open Clip Art Library, each with its own RDF record: title, subjects, creator and the mark of the public domain
//! (`cc:license` of Creative Commons' RDF vocabulary; `dc:` is Dublin Core 1.1).

use roxmltree::{Document, Node, ParsingOptions};

use super::{Drawing, SVG_MAX, Skip};

/// What its marks for the public domain look like.
const PUBLIC_DOMAIN: &[&str] = &["/PublicDomain", "/publicdomain/zero/", "/licenses/publicdomain"];
/// Folders without subjects of their own.
const LEFT_OUT: &[&str] =
    &["signs_and_symbols", "logos", "computer", "buttons", "heraldry", "flags", "cards", "special", "people"];

/// Reads one file; `path` is its place in the package, such as `animals/bat.svg`.
pub fn read(path: &str, svg: &str) -> Result<Drawing, Skip> {
    if path.split('/').any(|folder| LEFT_OUT.contains(&folder)) || path.contains("playing_card") {
        return Err(Skip::Subject);
    }
    if svg.len() > SVG_MAX {
        return Err(Skip::Large);
    }
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(svg, options).map_err(|_| Skip::Unreadable)?;
    let work = child_anywhere(document.root_element(), "Work").ok_or(Skip::NoLicence)?;
    let licence_url = work
        .children()
        .filter(|n| n.has_tag_name_local("license"))
        .find_map(|n| n.attributes().find(|a| a.name() == "resource").map(|a| a.value().to_owned()))
        .ok_or(Skip::NoLicence)?;
    if !PUBLIC_DOMAIN.iter().any(|mark| licence_url.contains(mark)) {
        return Err(Skip::NoLicence);
    }
    let author = work.children().find(|n| n.has_tag_name_local("creator")).and_then(agent).ok_or(Skip::NoAuthor)?;
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".svg").replace(['_', '-'], " ");
    let title = work.children().find(|n| n.has_tag_name_local("title")).map(text).filter(|t| !t.is_empty()).unwrap_or(stem);
    let subjects = work.children().filter(|n| n.has_tag_name_local("subject")).flat_map(|n| n.descendants());
    let mut tags: Vec<String> =
        subjects.filter(|n| n.has_tag_name_local("li")).map(text).filter(|t| !t.is_empty() && t.len() <= 40).collect();
    tags.dedup();
    tags.truncate(12);
    let category = path.split('/').next().unwrap_or_default().to_owned();
    Ok(Drawing {
        set: "openclipart".to_owned(),
        item: path.to_owned(),
        names: vec![title.clone()],
        title: title.chars().take(super::super::TEXT_LIMIT).collect(),
        tags,
        category,
        style: "clipart".to_owned(),
        author,
        licence: "public-domain".to_owned(),
        licence_url,
        source: "http://www.openclipart.org/".to_owned(),
        may_flip: true,
        svg: svg.to_owned(),
    })
}

/// Local names: the files bind the namespaces to many prefixes and versions.
trait LocalName {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl LocalName for Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

fn child_anywhere<'a, 'i>(root: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    root.descendants().find(|n| n.has_tag_name_local(name))
}

/// Text of a node, white space folded, control characters dropped.
fn text(node: Node<'_, '_>) -> String {
    let all: String = node.descendants().filter(Node::is_text).filter_map(|n| n.text()).collect();
    all.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).collect()
}

/// A person's name: the title of the agent, or the words themselves.
fn agent(node: Node<'_, '_>) -> Option<String> {
    let name = child_anywhere(node, "title").map_or_else(|| text(node), text);
    let known = !name.is_empty() && !["unknown", "anonymous", "none", "n/a"].contains(&name.to_lowercase().as_str());
    known.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(creator: &str, licence: &str) -> String {
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg"><metadata><rdf:RDF xmlns:cc="http://web.resource.org/cc/"
            xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><cc:Work>
            <dc:title>a  bat</dc:title><dc:subject><rdf:Bag><rdf:li>mammal</rdf:li><rdf:li/></rdf:Bag></dc:subject>
            <dc:publisher><cc:Agent><dc:title>Open Clip Art Library</dc:title></cc:Agent></dc:publisher>
            <dc:creator>{creator}</dc:creator>{licence}</cc:Work></rdf:RDF></metadata></svg>"##
        )
    }

    const PERSON: &str = "<cc:Agent><dc:title>Orlando Karam</dc:title></cc:Agent>";
    const MARK: &str = r#"<cc:license rdf:resource="http://web.resource.org/cc/PublicDomain"/>"#;

    #[test]
    fn who_what_and_under_which_mark() {
        let drawing = read("animals/bat.svg", &file(PERSON, MARK)).unwrap();
        assert_eq!((drawing.title.as_str(), drawing.author.as_str()), ("a bat", "Orlando Karam"));
        assert_eq!(
            (drawing.tags, drawing.category.as_str(), drawing.licence.as_str()),
            (vec!["mammal".to_owned()], "animals", "public-domain")
        );
    }

    #[test]
    fn what_lacks_an_author_or_a_mark_is_passed_over() {
        let by_sa = r#"<cc:license rdf:resource="http://creativecommons.org/licenses/by-sa/2.0/"/>"#;
        for (path, creator, licence, why) in [
            ("animals/bat.svg", "", MARK, Skip::NoAuthor),
            ("animals/bat.svg", "<cc:Agent><dc:title>Unknown</dc:title></cc:Agent>", MARK, Skip::NoAuthor),
            ("animals/bat.svg", PERSON, "", Skip::NoLicence),
            ("animals/bat.svg", PERSON, by_sa, Skip::NoLicence),
            ("signs_and_symbols/flags/x.svg", PERSON, MARK, Skip::Subject),
        ] {
            assert_eq!(read(path, &file(creator, licence)), Err(why));
        }
        assert_eq!(read("animals/bat.svg", "<svg"), Err(Skip::Unreadable));
        assert_eq!(read("animals/bat.svg", &" ".repeat(SVG_MAX + 1)), Err(Skip::Large));
    }
}

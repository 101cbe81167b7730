//! Each form with what people write in it, and what can't be read.

use super::*;

fn read(form: Form, text: &str) -> Vec<Result<Row, BadRow>> {
    rows(form, std::io::Cursor::new(text.to_owned())).unwrap().collect()
}

#[test]
fn csv_with_any_names_order_and_mark() {
    let hash = "AB".repeat(32);
    for text in [
        format!("Title,License,File,Keywords,SHA-256,unheard of\n\"Red, apple\",CC0-1.0,a/b.png,\"fruit; red\",{hash},x\n"),
        format!("\u{feff}file;sha_256;title;licence;tags\r\na/b.png;{hash};Red, apple;CC0-1.0;fruit, red\r\n"),
        format!("file\thash\tname\tspdx\tsubjects\na/b.png\t{hash}\tRed, apple\tCC0-1.0\tfruit|red"),
    ] {
        let all = read(Form::Csv, &text);
        assert_eq!(all.len(), 1, "{text}");
        let row = all[0].as_ref().unwrap();
        assert_eq!((row.title.as_str(), row.licence.as_str(), row.file.as_str()), ("Red, apple", "CC0-1.0", "a/b.png"));
        assert_eq!(row.tags, ["fruit", "red"]);
        assert_eq!(row.sha256.unwrap().to_string(), hash.to_lowercase());
    }
}

#[test]
fn a_bad_row_is_told_and_the_next_is_read() {
    let all = read(
        Form::Csv,
        "file,sha256,creators\na.png,xyz,\nb.png,,Ana 60 %; Ben 60 %\nc.png,,Ana,too,many\nd.png,,Ana 50 %; Ben 50 %\n",
    );
    let problems: Vec<_> = all.iter().map(|r| r.as_ref().err().map(|b| (b.item.as_str(), b.problem.as_str()))).collect();
    assert!(problems[0].unwrap().1.contains("64 lower-case hex digits") && problems[0].unwrap().0 == "a.png");
    assert!(problems[1].unwrap().1.contains("120"));
    assert!(problems[2].unwrap().1.contains("row 4 has 5 cells under 3 columns"));
    assert_eq!(all[3].as_ref().unwrap().creators.len(), 2);
    let latin =
        rows(Form::Csv, std::io::Cursor::new(b"file,title\na.png,caf\xe9\nb.png,tea\n".to_vec())).unwrap().collect::<Vec<_>>();
    assert!(latin[0].as_ref().is_err_and(|b| b.problem.contains("UTF-8")) && latin[1].is_ok());
}

#[test]
fn what_is_no_list_is_refused_whole() {
    for text in ["", "title,licence\nx,MIT\n"] {
        assert!(rows(Form::Csv, std::io::Cursor::new(text.to_owned())).is_err(), "{text}");
    }
    assert!(rows(Form::Croissant, std::io::Cursor::new("{}".to_owned())).is_err());
}

#[test]
fn json_lines_with_lists_and_shares() {
    let text = r#"{"file":"a.png","title":"A","creators":[{"name":"Ana","role":"ink","share":60},{"name":"Ben","share":"40 %"}],"tags":["x"," y "],"size":12}

{"file":"b.png","title":7,"creator":"Cai","year":1905,"unheard":{"of":1}}
{"file":
{"file":"c.png","title":["x","y"]}
"#;
    let all = read(Form::Jsonl, text);
    let first = all[0].as_ref().unwrap();
    assert_eq!(first.creators.iter().map(|c| c.share).collect::<Vec<_>>(), [Some(6_000), Some(4_000)]);
    assert_eq!((first.tags.clone(), first.size), (vec!["x".to_owned(), "y".to_owned()], Some(12)));
    let second = all[1].as_ref().unwrap();
    assert_eq!((second.title.as_str(), second.created.as_str(), second.creators[0].name.as_str()), ("7", "1905", "Cai"));
    assert!(all[2].as_ref().is_err_and(|b| b.problem.contains("line 4")));
    assert!(all[3].as_ref().is_err_and(|b| b.item == "c.png" && b.problem.contains("is a list")));
    assert_eq!(all.len(), 4);
    let long = format!("{{\"file\":\"{}\"}}\n{{\"file\":\"ok.png\"}}\n", "x".repeat(ROW_BYTES));
    let all = read(Form::Jsonl, &long);
    assert!(all[0].is_err() && all[1].as_ref().unwrap().file == "ok.png" && all.len() == 2);
}

#[test]
fn a_croissant_in_each_of_its_three_shapes() {
    let head = r#""@type":"sc:Dataset","name":"Set","license":"https://creativecommons.org/licenses/by/4.0/","creator":[{"name":"Ana"},{"name":"Ben"}]"#;
    let inline = format!(
        r#"{{{head},"recordSet":[{{"data":[{{"works/file":"a.png","works/title":"A"}},{{"works/title":"no file"}}]}}]}}"#
    );
    let all = read(Form::Croissant, &inline);
    assert_eq!(all.len(), 1);
    let row = all[0].as_ref().unwrap();
    assert_eq!((row.file.as_str(), row.author.as_str(), row.collection.as_str()), ("a.png", "Ana; Ben", "Set"));
    assert!(row.licence.ends_with("/by/4.0/"));
    let files = format!(
        r#"{{{head},"distribution":[{{"@id":"d","encodingFormat":"text/plain","contentUrl":"x.txt"}},
        {{"@id":"p","name":"Pear","encodingFormat":"image/png","contentUrl":"p.png","sha256":"{}"}}]}}"#,
        "0".repeat(64)
    );
    let all = read(Form::Croissant, &files);
    assert_eq!(
        (all.len(), all[0].as_ref().unwrap().file.as_str(), all[0].as_ref().unwrap().title.as_str()),
        (1, "p.png", "Pear")
    );
    let table = format!(
        r#"{{{head},"distribution":[{{"@id":"works.csv","encodingFormat":"text/csv","contentUrl":"works.csv"}}],
        "recordSet":[{{"field":[{{"name":"works/sha256","source":{{"fileObject":{{"@id":"works.csv"}},"extract":{{"column":"digest"}}}}}},
        {{"name":"works/title","source":{{"fileObject":{{"@id":"works.csv"}},"extract":{{"column":"Titel"}}}}}}]}}]}}"#
    );
    let read = Croissant::read(table.as_bytes()).unwrap();
    let (path, columns) = read.table.unwrap();
    assert_eq!(path, "works.csv");
    let csv = format!("Titel,digest,file\nBirne,{},ignored.png\n", "0".repeat(64));
    let all: Vec<_> = csv_rows(std::io::Cursor::new(csv), &columns).unwrap().collect();
    let row = all[0].as_ref().unwrap();
    assert_eq!((row.title.as_str(), row.file.as_str(), row.sha256.is_some()), ("Birne", "", true));
}

#[test]
fn columns_are_told_apart_by_letters_alone() {
    assert_eq!(column("Rights-Holder"), Some("rights_holder"));
    assert_eq!(column("LICENSE URL"), Some("licence_url"));
    assert_eq!(column("colour of the frame"), None);
    let mut all: Vec<&str> = COLUMNS.iter().flat_map(|(own, others, _)| others.iter().copied().chain([*own])).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count, "no name stands for two columns");
}

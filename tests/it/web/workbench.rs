//! The workbench through its form, as a browser without scripts sends it, and what the API offers beside it.

use colophon::provenance::{Format, encode};

use super::*;
use crate::support::both;

both! {
    from_sketch_to_shares_without_scripts,
    what_can_not_be_worked_on_is_refused_in_words_and_the_next_is_made,
}

impl Visitor<'_> {
    /// Sends the form of the workbench.
    async fn bench(&mut self, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Answer {
        const B: &str = "xxBOUNDARYxx";
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend(format!("--{B}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
        }
        for (name, file) in files {
            body.extend(
                format!("--{B}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}.png\"\r\n\r\n").bytes(),
            );
            body.extend(*file);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{B}--\r\n").bytes());
        let request = Request::post("/workbench").header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={B}"));
        self.send(request, Body::from(body)).await
    }
}

/// Black lines on white, or a white square on black.
fn drawing(side: u32, ink: u8, paper: u8) -> Vec<u8> {
    let inside = |at: u32| (at % side) * 3 / side == 1 && (at / side) * 3 / side == 1;
    let rgb: Vec<u8> = (0..side * side).flat_map(|at| [if inside(at) { ink } else { paper }; 3]).collect();
    encode(&rgb, side, side, Format::Png).unwrap()
}

/// Where a form's hidden field stands.
fn hidden(page: &str, name: &str) -> String {
    page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned()
}

async fn from_sketch_to_shares_without_scripts(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::operator(&test).await;
    let csrf = visitor.csrf().await;
    let csrf = ("csrf", csrf.as_str());
    for page in ["/workbench", "/workbench?edit=sketch", "/workbench?edit=recolour"] {
        assert!(visitor.get(page).await.is(200).text().contains("enctype=\"multipart/form-data\""));
    }
    // Along a sketch.
    let sketch = [csrf, ("edit", "sketch"), ("prompt", "a red apple"), ("n", "1")];
    let job = visitor.bench(&sketch, &[("sketch", &drawing(64, 0, 255))]).await;
    let job = job.is(303).location().to_owned();
    work_off(&test).await;
    let image = visitor.get(&job).await.is(303).location().rsplit('/').next().unwrap().to_owned();
    // Three variations of it.
    let variation = [csrf, ("edit", "variation"), ("parent", &image), ("n", "3"), ("variation.strength", "0.4")];
    let series = visitor.bench(&variation, &[]).await.is(303).location().to_owned();
    assert!(series.ends_with("/series"));
    assert!(visitor.get(&series).await.is(200).text().contains("0 of 3 are made"));
    Visitor::new(&test).get(&series).await.is(303);
    work_off(&test).await;
    // The list of what was asked for, with its place; what was called off can be asked for again.
    Visitor::new(&test).get("/jobs").await.is(303);
    let one = [csrf, ("edit", "variation"), ("parent", &image), ("n", "1")];
    let first = visitor.bench(&one, &[]).await.is(303).location().to_owned();
    let listed = visitor.get("/jobs").await.is(200).text();
    assert!(listed.contains("0 ahead of it") && listed.contains("variation") && !listed.contains("Ask again"), "{listed}");
    let form = format!("csrf={}", csrf.1);
    visitor.post(&format!("{first}/cancel"), &form).await.is(303);
    assert!(visitor.get("/jobs").await.is(200).text().contains("Ask again"));
    let second = visitor.post(&format!("{first}/retry"), &form).await.is(303).location().to_owned();
    visitor.post(&format!("{second}/cancel"), &form).await.is(303);
    let made = visitor.get(&series).await.is(200).text();
    assert!(made.contains("All are made") && made.matches("go on from it").count() == 3, "{made}");
    let child = made.split("/workbench?parent=").nth(2).unwrap().split('"').next().unwrap().to_owned();
    // A part of one anew: a mask of another size comes back with the words and what was handed in.
    let inpaint = [csrf, ("edit", "inpaint"), ("parent", &child), ("prompt", "a green leaf"), ("n", "1")];
    let refused = visitor.bench(&inpaint, &[("mask", &drawing(60, 255, 0))]).await.is(422).text();
    assert!(refused.contains("make them alike") && refused.contains("a green leaf") && hidden(&refused, "parent") == child);
    assert!(hidden(&refused, "kept_mask").starts_with("input_"));
    let job = visitor.bench(&inpaint, &[("mask", &drawing(128, 255, 0))]).await.is(303).location().to_owned();
    work_off(&test).await;
    let page = visitor.get(&job).await.is(303).location().to_owned();
    let painted = page.rsplit('/').next().unwrap().to_owned();
    let shown = visitor.get(&page).await.is(200).text();
    // The sketched one, three variations and the painted one.
    assert_eq!(shown.matches("<li class=\"d").count(), 5, "{shown}");
    assert!(shown.contains("data-compare") && shown.contains("Propose who its authors are"));
    // Damage, looked for by the form's own button; then colours, from what was learnt.
    let find = [csrf, ("edit", "restore"), ("parent", &painted), ("find", "damage")];
    assert!(visitor.bench(&find, &[]).await.is(200).text().contains("ound"));
    let learnt = visitor.get("/api/v1/preferences").await.is(200).json();
    assert_eq!(learnt["learnt_from"], 5);
    let palette = learnt["palette"][0]["colour"].as_str().unwrap().to_owned();
    let recolour = [csrf, ("edit", "recolour"), ("parent", &painted), ("recolour.palette", &palette)];
    visitor.bench(&recolour, &[]).await.is(303);
    let palettes = visitor.get("/api/v1/palettes?base=3366cc").await.is(200).json();
    assert_eq!(palettes["complementary"]["colours"].as_array().unwrap().len(), 5);
    visitor.get("/api/v1/palettes?base=blue").await.is(422);
    work_off(&test).await;

    // Shares: refused with what was typed, then proposed, signed, told.
    let propose = format!("/images/{painted}/agreements");
    let token = csrf.1;
    let wrong =
        visitor.post(&propose, &format!("csrf={token}&ai_share=90&authors=Mere+T%C4%81whai,50,creator,mask")).await.is(422);
    assert!(wrong.text().contains("140 per cent") && wrong.text().contains("Mere Tāwhai,50,creator,mask"));
    visitor.post(&propose, &format!("csrf={token}&ai_share=50&authors=Mere+T%C4%81whai,+50,+creator,+mask")).await.is(303);
    let offered = visitor.get(&page).await.is(200).text();
    let agreement = offered.split("/agreements/agreement_").nth(1).unwrap().split('/').next().unwrap().to_owned();
    visitor.post(&format!("/agreements/agreement_{agreement}/signature"), &format!("csrf={token}")).await.is(303);
    visitor.post(&format!("/agreements/agreement_{agreement}/refusal"), &format!("csrf={token}")).await.is(409);
    assert!(visitor.get(&page).await.is(200).text().contains("Agreed, and signed by all."));
    let dossier = Visitor::new(&test).get(&format!("/api/v1/images/{painted}/dossier")).await.is(200).json();
    assert_eq!((dossier["generations"].as_array().unwrap().len(), dossier["human_inputs"].as_u64()), (3, Some(2)));
    assert_eq!(
        (dossier["agreements"][0]["all_sound"].as_bool(), dossier["generations"][0]["signature"]["name"].as_str()),
        (Some(true), Some("Mere Tāwhai"))
    );
    // Proposals are for those whom they name.
    let mut stranger = Visitor::with_token(&test, "Ben", Role::Creator, "images").await;
    stranger.get(&format!("/api/v1/agreements/agreement_{agreement}")).await.is(404);
    assert_eq!(stranger.get("/api/v1/agreements").await.is(200).json()["items"].as_array().unwrap().len(), 0);
    assert_eq!(visitor.get("/api/v1/agreements").await.is(200).json()["items"][0]["state"], "agreed");
    test.finish().await;
}

async fn what_can_not_be_worked_on_is_refused_in_words_and_the_next_is_made(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::operator(&test).await;
    let csrf = visitor.csrf().await;
    let csrf = ("csrf", csrf.as_str());
    let deep = {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, 1, 1);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Sixteen);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[0; 6]).unwrap();
        writer.finish().unwrap();
        out
    };
    let sound = drawing(32, 30, 200);
    let mut ink = encode(&[9; 12], 2, 2, Format::Jpeg).unwrap();
    let frame = ink.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    ink[frame + 9] = 4;
    let (empty, short): (&[u8], &[u8]) = (b"", &sound[..40]);
    let levels = [csrf, ("edit", "levels"), ("rights", "own")];
    for (file, said) in [
        (&b"GIF89a...."[..], "not a PNG, JPEG or WebP"),
        (empty, "cut short"),
        (short, "cut short"),
        (&deep, "16 bits a channel"),
        (&ink, "CMYK"),
    ] {
        let refused = visitor.bench(&levels, &[("picture", file)]).await;
        let (status, text) = (refused.status, refused.text());
        let empty_field = file.is_empty() && text.contains("needs a picture");
        assert!(status == 422 && (text.contains(said) || empty_field), "{said}: {status} {text}");
        if !file.is_empty() {
            let refused = visitor.upload("/api/v1/inputs", &[("rights", "own")], file).await;
            assert!(refused.status.is_client_error(), "{said}: {}", refused.text());
        }
    }
    visitor.bench(&[csrf, ("edit", "levels")], &[("picture", &sound)]).await.is(422);
    visitor.bench(&[csrf, ("edit", "melt")], &[]).await.is(422);
    visitor.bench(&[csrf, ("edit", "outpaint"), ("outpaint.left", "many")], &[]).await.is(422);
    visitor.bench(&[("csrf", "0"), ("edit", "levels")], &[]).await.is(403);
    let mask = visitor.bench(&[csrf, ("edit", "inpaint"), ("prompt", "x")], &[("mask", &drawing(16, 0, 0))]).await.is(422);
    assert!(mask.text().contains("covers nothing"));
    let job = visitor.bench(&levels, &[("picture", &sound)]).await.is(303).location().to_owned();
    work_off(&test).await;
    // Before and after stand side by side for whoever handed the one before in, and for nobody else.
    let image = visitor.get(&job).await.is(303).location().to_owned();
    assert!(visitor.get(&image).await.is(200).text().contains("nobody else sees it"));
    assert!(!Visitor::new(&test).get(&image).await.is(200).text().contains("/api/v1/inputs/"));
    test.finish().await;
}

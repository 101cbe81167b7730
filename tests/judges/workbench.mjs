#!/usr/bin/env node
// workbench: a person at the workbench, in a real browser: draws a sketch with the mouse, has variations made of it, goes on from one of them by marking a part
// with the keyboard alone, mends found damage, looks at what it was made from, and takes the file away.
//
//   node workbench.mjs BASE_URL --chromium FILE --cookie 'NAME=VALUE; …' --out DIR [--shots DIR]
//
// The files that were taken away lie in DIR for other judges. Fails on whatever a person would stumble over: an error page, a script that threw, a picture
// that does not come, a step that cannot be done. Prints one line for each step.
import { writeFileSync } from "node:fs";
import { need, person } from "./person.mjs";

const { base, options, context, tab, look, through } = await person(
  "node workbench.mjs BASE_URL --chromium FILE --cookie 'NAME=VALUE; …' --out DIR [--shots DIR]", ["out"]);
/** Sends the form, and follows it to a picture's page or to several. */
async function make() {
  await tab.click(".go button");
  await tab.waitForURL(/\/jobs\/|\/images\//);
  if (!tab.url().endsWith("/series")) await tab.waitForURL(/\/images\/image_/);
}
const here = () => tab.url().match(/image_[0-9A-Z]{26}/)[0];
const loaded = (selector) => tab.locator(selector).evaluateAll((all) => all.every((img) => img.complete && img.naturalWidth > 0));

async function main() {
  // A sketch, by mouse: a round thing with a stalk.
  await tab.goto(`${base}/workbench?edit=sketch`);
  const sheet = tab.locator("#stage canvas");
  await sheet.waitFor();
  let box = await sheet.boundingBox();
  const at = (x, y) => [box.x + x * box.width, box.y + y * box.height];
  await tab.mouse.move(...at(0.8, 0.55));
  await tab.mouse.down();
  for (let step = 1; step <= 40; step += 1) {
    const turn = (step / 40) * 2 * Math.PI;
    await tab.mouse.move(...at(0.5 + 0.3 * Math.cos(turn), 0.55 + 0.3 * Math.sin(turn)));
  }
  await tab.mouse.up();
  await tab.mouse.move(...at(0.5, 0.25));
  await tab.mouse.down();
  await tab.mouse.move(...at(0.58, 0.08), { steps: 8 });
  await tab.mouse.up();
  await tab.fill("#prompt", "a red apple");
  await tab.fill("#seed", "4");
  await tab.selectOption("#n", "1");
  await look("sketch");
  await make();
  const sketched = here();
  need((await tab.content()).includes("drawn along the lines of a sketch"), "the page does not say that it was drawn along a sketch");
  console.log(`sketch: ${sketched}`);
  await look("from-sketch");

  // Four variations of it, watched as they come.
  await tab.click("text=Go on from this picture");
  await tab.check("input[name=edit][value=variation]");
  await tab.selectOption("#n", "4");
  await look("variation");
  await make();
  need(tab.url().endsWith("/series"), `four pictures lead to one page of them, not to ${tab.url()}`);
  await look("series-begun");
  await tab.waitForFunction(() => document.querySelectorAll(".series a.plate img").length === 4);
  await tab.waitForLoadState("load");
  need(await loaded(".series a.plate img"), "a variation does not show");
  await look("series");
  console.log("variations: 4");

  // A part of the second anew, marked by keyboard alone.
  await tab.locator(".series .card").nth(1).locator("text=go on from it").click();
  await tab.check("input[name=edit][value=inpaint]");
  const mask = tab.locator("#stage canvas");
  await mask.waitFor();
  await tab.locator("#brush").evaluate((it) => { it.value = 12; });
  await mask.focus();
  await tab.keyboard.press("Space");
  for (const key of ["ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp", "ArrowRight"]) await tab.keyboard.press(key);
  await tab.keyboard.press("Space");
  await tab.fill("#prompt", "a green leaf");
  await tab.selectOption("#n", "1");
  await look("inpaint");
  await make();
  const painted = here();
  need((await tab.content()).includes("A part of the picture was drawn anew"), "the page does not say that a part was drawn anew");
  need((await tab.locator(".tree li").count()) >= 6, "the history does not show the whole family");
  const slider = tab.locator("[data-compare] input[type=range]");
  await slider.focus();
  for (let step = 0; step < 20; step += 1) await tab.keyboard.press("ArrowRight");
  const cut = await tab.locator(".compare .pair").evaluate((it) => it.style.getPropertyValue("--cut"));
  need(cut === "70%", `the slider follows the keyboard: it is at ${cut}`);
  await look("inpainted");
  console.log(`inpaint: ${painted}`);

  // Without a model: found damage mended, colours changed.
  await tab.goto(`${base}/workbench?parent=${painted}&edit=restore`);
  await tab.locator("#stage canvas").waitFor();
  await tab.click("#find");
  await tab.waitForFunction(() => /found|Found/.test(document.querySelector("#found").textContent));
  box = await tab.locator("#stage canvas").boundingBox();
  await tab.mouse.move(...at(0.1, 0.1));
  await tab.mouse.down();
  await tab.mouse.move(...at(0.3, 0.12), { steps: 6 });
  await tab.mouse.up();
  await look("restore");
  await make();
  need((await tab.content()).includes("Damage was mended"), "the page does not say that damage was mended");
  await tab.click("text=Go on from this picture");
  await tab.check("input[name=edit][value=adjust]");
  await tab.locator("#adjust-warmth").evaluate((it) => { it.value = 0.3; });
  await look("adjust");
  await make();
  const last = here();
  await look("adjusted");
  console.log(`worked out: ${last}`);

  // Taken away.
  const [download] = await Promise.all([tab.waitForEvent("download"), tab.click(".downloads a:has-text('Picture (')")]);
  await download.saveAs(`${options.out}/taken.png`);
  const dossier = await context.request.get(`${base}/api/v1/images/${last}/dossier`);
  need(dossier.ok(), `the dossier answers ${dossier.status()}`);
  const told = await dossier.json();
  writeFileSync(`${options.out}/dossier.json`, JSON.stringify(told, null, 2));
  need(told.generations.length === 5, `the dossier tells ${told.generations.length} generations`);
  need(told.generations.every((g) => g.signature && g.signature.standing === "sound"), "a generation is not signed by who made it");
  need(told.human_inputs === 3, `sketch, mask and mask are human inputs: ${told.human_inputs}`);
  console.log(`taken away: taken.png, with ${told.generations.length} generations`);

  // What is wrong comes back with what was typed.
  await tab.goto(`${base}/workbench?parent=${last}&edit=inpaint`);
  await tab.fill("#prompt", "a yellow star");
  await tab.click(".go button");
  await tab.locator(".problem").first().waitFor();
  need((await tab.inputValue("#prompt")) === "a yellow star", "the words are gone");
  await look("refused");
}

await through(main, () => "");

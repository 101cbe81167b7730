#!/usr/bin/env node
// auditor: a rights holder and an auditor in a real browser: makes a key of their own, registers a work signed with it, looks the entry up in the log and has
// the browser check it with no trust in the service, replaces the key and ends it.
//
//   node auditor.mjs BASE_URL --chromium FILE --cookie 'NAME=VALUE; …' --picture FILE [--shots DIR]
//
// Fails on whatever a person would stumble over. Prints one line for each step.
import { need, person } from "./person.mjs";

const { base, options, context, tab, look, through } = await person(
  "node auditor.mjs BASE_URL --chromium FILE --cookie 'NAME=VALUE; …' --picture FILE [--shots DIR]", ["picture"]);
tab.on("dialog", (dialog) => dialog.accept("lost with my computer"));
const say = (line) => console.log(line);
const main = () => tab.locator("main").innerText();
/** The newest entry that `/log?…` lists. */
async function newest(query) {
  for (let tries = 0; tries < 40; tries += 1) {
    await tab.goto(`${base}/log?${query}`);
    const link = tab.locator('a[href^="/log/entries/"]').first();
    if (await link.count()) return link;
    await tab.waitForTimeout(250);
  }
  throw new Error(`the log lists nothing for ${query}`);
}
/** Presses the button and waits for the verdict. */
async function check() {
  await tab.click("[data-check]");
  await tab.waitForFunction(() => document.querySelector("[data-verdict]").textContent.trim().length > 0);
  return tab.locator("#browser-check").innerText();
}

async function run() {
  await tab.goto(`${base}/account`);
  await look("account-before");
  await Promise.all([tab.waitForEvent("load"), tab.click("[data-make]")]);
  await tab.waitForSelector("tr[data-keyid]");
  const first = await tab.getAttribute("tr[data-keyid]", "data-keyid");
  await tab.waitForFunction(() => document.querySelector("[data-where]").textContent.includes("in this browser"));
  await look("account-key");
  say(`a key was made in the browser: ${first.slice(0, 12)}…`);

  await tab.goto(`${base}/works/new`);
  await tab.setInputFiles("input[type=file] >> nth=0", options.picture);
  await tab.fill("[name=title]", "A kite of an auditor");
  await tab.fill("[name=author]", "Ana Ruiz");
  await tab.selectOption("[name=licence]", "CC-BY-4.0");
  await look("register");
  // The file is read first and its record offered; then it is registered.
  for (let step = 0; step < 3 && !/\/works\/work_/.test(tab.url()); step += 1) {
    await tab.click("main form.form .go button >> nth=0");
    await tab.waitForTimeout(2_000);
    await tab.waitForLoadState();
  }
  need(/\/works\/work_/.test(tab.url()), `the work was not registered: ${await main()}`);
  const work = tab.url().match(/work_[0-9A-Z]{26}/)[0];
  say(`registered with that key: ${work}`);

  await (await newest(`about=${work}`)).click();
  const entry = await main();
  need(entry.includes(first.slice(0, 8)), `the entry does not name the key: ${entry}`);
  const seen = await check();
  need(!seen.includes("✗"), `the browser refuses the entry: ${seen}`);
  await look("entry-checked");
  say("the browser has checked the entry: note, tiles, path, both signatures");
  // The same entry with one hash changed on its way.
  await context.route("**/log/tile/0/**", async (route) => {
    const answer = await route.fetch();
    const body = Buffer.from(await answer.body());
    body[3] ^= 1;
    await route.fulfill({ response: answer, body });
  });
  await tab.reload();
  const refused = await check();
  need(refused.includes("✗"), `a changed tile was not noticed: ${refused}`);
  await look("entry-refused");
  await context.unroute("**/log/tile/0/**");
  say("and refuses it with one bit changed on its way");

  await tab.goto(`${base}/log`);
  await look("log");
  await tab.fill("input[name=q]", "A kite of an auditor");
  await tab.press("input[name=q]", "Enter");
  await tab.waitForURL(/q=|about=/);
  need((await main()).includes("A kite of an auditor") || tab.url().includes(work), `not found by name: ${await main()}`);
  await look("found");
  say("found in the log by its name");

  await tab.goto(`${base}/account`);
  await Promise.all([tab.waitForEvent("load"), tab.click(`[data-replace="${first}"]`)]);
  await tab.waitForFunction(() => document.querySelectorAll("tr[data-keyid]").length === 2);
  const second = await tab.locator("tr[data-keyid]").last().getAttribute("data-keyid");
  need((await main()).includes("replaced by another key"), "the first key was not replaced");
  await Promise.all([tab.waitForEvent("load"), tab.click(`[data-end="${second}"]`)]);
  await tab.waitForFunction(() => document.querySelector("main").innerText.includes("lost with my computer"));
  await look("account-ended");
  say("replaced by another key, which was ended");
}

await through(run, () => "a key made, used, replaced and ended; an entry checked in the browser");

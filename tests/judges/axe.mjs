#!/usr/bin/env node
// axe: opens every page in a real browser, narrow and wide, light and dark, and asks axe-core what a person would stumble over.
//
//   node axe.mjs BASE_URL --chromium FILE [--cookie 'NAME=VALUE; …'] [--shots DIR] < PAGES
//
// PAGES has one page a line: the status it answers with, its path, and optionally the CSS selector of a form to send from there,
// with a file to put into it first (the page that comes then, with that status, is the one looked at):
//
//   200 /works
//   404 /no-such-page
//   403 /studio?prompt=… form.form
//   200 /verify form.form picture.png
//
// Fails on: another status, a serious or critical finding, sideways scrolling, an error in the console, a script that threw, a
// part that did not load. Evidence in <details> is looked at opened too. Prints one line for each failure, then a summary.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { chromium } from "playwright-core";

const SCHEMES = ["light", "dark"];
const WIDTHS = [390, 1400];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const GRAVE = ["serious", "critical"];
const USAGE = "usage: node axe.mjs BASE_URL --chromium FILE [--cookie 'NAME=VALUE; …'] [--shots DIR] < PAGES";

const { base, options } = read(process.argv.slice(2));
const pages = readFileSync(0, "utf8").split("\n").filter((line) => line.trim()).map((line) => {
  const [status, path, form, file] = line.trim().split(" ");
  return { status: Number(status), path, form, file };
});
if (pages.length === 0) throw new Error("no pages to look at: name them on standard input");
const cookies = (options.cookie ?? "").split("; ").filter(Boolean).map((pair) => {
  const [, name, value] = pair.match(/^([^=]+)=(.*)$/);
  return { name, value, url: base };
});
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
if (options.shots) mkdirSync(options.shots, { recursive: true });

function read(args) {
  const options = {};
  const [base, ...rest] = args;
  for (let i = 0; i < rest.length; i += 2) options[rest[i].replace(/^--/, "")] = rest[i + 1];
  if (!base || !options.chromium) throw new Error(USAGE);
  return { base: base.replace(/\/$/, ""), options };
}

/** An address without what the server never sees. */
const bare = (url) => url.split("#")[0];

/** What went wrong on one page, in words; findings of lesser weight go into `minor`. */
async function look(context, page, view, minor) {
  const wrong = [];
  const tab = await context.newPage();
  tab.setDefaultTimeout(20_000);
  const url = base + page.path;
  tab.on("console", (message) => {
    // The browser reports the page's own status too, where that is an error: it is compared below.
    const own = message.text().startsWith("Failed to load resource") && bare(message.location().url) === bare(tab.url());
    if (message.type() === "error" && !own) wrong.push(`console: ${message.text()} (${message.location().url})`);
  });
  tab.on("pageerror", (error) => wrong.push(`script: ${error.message}`));
  tab.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "failed";
    // Leaving a page ends what its scripts were asking for.
    if (why !== "net::ERR_ABORTED") wrong.push(`did not load: ${request.url()} (${why})`);
  });
  const scrolls = async (when) => {
    const [held, has] = await tab.evaluate(() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
    if (has > held) wrong.push(`scrolls sideways ${when}: ${has} px in ${held}`);
  };
  try {
    let answer = await tab.goto(url, { waitUntil: "load" });
    if (page.form) {
      const form = tab.locator(page.form);
      if (page.file) await form.locator("input[type=file]").setInputFiles(page.file);
      [answer] = await Promise.all([tab.waitForNavigation(), form.evaluate((it) => it.requestSubmit())]);
    }
    if (answer.status() !== page.status) wrong.push(`answered ${answer.status()}, not ${page.status}`);
    await tab.evaluate(() => document.fonts.ready.then(() => new Promise((painted) => requestAnimationFrame(painted))));
    await tab.waitForLoadState("networkidle");
    await scrolls("as it opens");
    if (options.shots) {
      const what = [page.path, page.form && "sent", page.file && basename(page.file)].filter(Boolean).join(" ");
      const name = what.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 80) || "home";
      await tab.screenshot({ path: `${options.shots}/${name}.${view}.png`, fullPage: true });
    }
    await tab.evaluate(() => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
    await scrolls("with its details open");
    const { violations, passes } = await tab.evaluate((only) => window.axe.run(document, { runOnly: only }), RULES);
    if (passes.length === 0) wrong.push("axe-core found nothing to look at");
    for (const v of violations) {
      const node = v.nodes[0];
      const why = (node.any[0] ?? node.all[0] ?? node.none[0])?.message ?? v.help;
      const line = `${v.impact} ${v.id}, ${v.nodes.length} times: ${node.html.slice(0, 160)} (${why})`;
      if (GRAVE.includes(v.impact)) wrong.push(line);
      else minor.add(`${page.path}: ${line}`);
    }
  } catch (error) {
    wrong.push(error.message.split("\n")[0]);
  }
  await tab.close();
  return wrong;
}

// A browser started by root has no sandbox; nothing but these pages is opened, and nothing else is asked for.
const browser = await chromium.launch({
  executablePath: options.chromium,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
let failures = 0;
const minor = new Set();

/** Looks at all pages in one view. */
async function view(colorScheme, width) {
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, reducedMotion: "reduce" });
  // As the browser's own script, so that the pages' Content-Security-Policy stays in force and its complaints are seen.
  await context.addInitScript({ content: axe });
  if (cookies.length) await context.addCookies(cookies);
  for (const page of pages) {
    for (const what of await look(context, page, `${width}.${colorScheme}`, minor)) {
      failures += 1;
      console.log(`${page.path}${page.form ? " (sent)" : ""} at ${width} px, ${colorScheme}: ${what}`);
    }
  }
  await context.close();
}

// Beside each other, because most of the time is waiting until a page is quiet.
const views = SCHEMES.flatMap((scheme) => WIDTHS.map((width) => [scheme, width]));
await Promise.all(views.map(([scheme, width]) => view(scheme, width)));
await browser.close();
for (const line of minor) console.log(`note: ${line}`);
console.log(`${pages.length} pages in ${views.length} views: ${failures} failures, ${minor.size} lesser findings`);
process.exit(failures ? 1 : 0);

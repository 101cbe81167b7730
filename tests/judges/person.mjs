// person: what the scripts share that do as a person does in a real browser: options of the command line, a tab with the cookies of somebody signed in, pictures of
// pages wide and narrow, light and dark, and a list of all that went wrong.
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

/** Opens the browser. `needed` names the options that must be given besides `chromium` and `cookie`. */
export async function person(usage, needed) {
  const [base, ...rest] = process.argv.slice(2);
  const options = {};
  for (let i = 0; i < rest.length; i += 2) options[rest[i].replace(/^--/, "")] = rest[i + 1];
  if (!base || ["chromium", "cookie", ...needed].some((name) => !options[name])) throw new Error(`usage: ${usage}`);
  for (const folder of [options.out, options.shots].filter(Boolean)) mkdirSync(folder, { recursive: true });
  const cookies = options.cookie.split("; ").filter(Boolean).map((pair) => {
    const [, name, value] = pair.match(/^([^=]+)=(.*)$/);
    return { name, value, url: base };
  });
  const wrong = [];
  const browser = await chromium.launch({ executablePath: options.chromium, args: ["--no-sandbox", "--disable-gpu"] });
  const context = await browser.newContext({ viewport: { width: 1300, height: 950 }, acceptDownloads: true });
  await context.addCookies(cookies);
  const tab = await context.newPage();
  tab.setDefaultTimeout(60_000);
  tab.on("console", (message) => { if (message.type() === "error") wrong.push(`console: ${message.text()} (${message.location().url})`); });
  tab.on("pageerror", (error) => wrong.push(`script: ${error.message}`));
  let shot = 0;
  /** The page as it is: wide and narrow, light and dark. */
  async function look(name) {
    shot += 1;
    if (!options.shots) return;
    for (const scheme of ["light", "dark"]) {
      await tab.emulateMedia({ colorScheme: scheme });
      for (const width of [1300, 390]) {
        await tab.setViewportSize({ width, height: 950 });
        await tab.screenshot({ path: `${options.shots}/${String(shot).padStart(2, "0")}-${name}-${scheme}-${width}.png`, fullPage: true });
      }
    }
    await tab.setViewportSize({ width: 1300, height: 950 });
  }
  /** Does it all; what went wrong is printed, and `done` when nothing did. */
  async function through(steps, done) {
    try {
      await steps();
    } catch (error) {
      wrong.push(`${error.message} (at ${tab.url()})`);
      await look("broken").catch(() => {});
    }
    await browser.close();
    // A form that is refused answers 422, which the browser's console repeats.
    const grave = wrong.filter((line) => !/status of 422/.test(line));
    for (const line of grave) console.log(line);
    if (grave.length === 0 && done()) console.log(done());
    process.exitCode = grave.length > 0 ? 1 : 0;
  }
  return { base, options, context, tab, look, through };
}

/** Fails with these words unless it holds. */
export function need(holds, why) {
  if (!holds) throw new Error(why);
}

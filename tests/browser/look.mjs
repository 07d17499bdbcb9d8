// Opens pages in Debian's Chromium, as the console's tests tell it, and says what it saw: a line of JSON for each page.
// Reads a plan from standard input: { chromium, visits: [{ url, colour, width, steps, picture }] }.
import { createRequire } from "node:module";
import { stdin, stdout } from "node:process";

const require = createRequire(`${process.env.ARAUTO_NODE_MODULES}/`);
const { chromium } = require("playwright-core");
const { AxeBuilder } = require("@axe-core/playwright");

let text = "";
for await (const chunk of stdin) text += chunk;
const plan = JSON.parse(text);

const browser = await chromium.launch({ executablePath: plan.chromium, args: ["--no-sandbox", "--disable-gpu"] });
try {
  for (const visit of plan.visits) {
    const context = await browser.newContext({
      colorScheme: visit.colour ?? "light",
      locale: "en-US",
      viewport: { width: visit.width ?? 1280, height: 900 },
    });
    const page = await context.newPage();
    // A machine that also builds is slow.
    page.setDefaultTimeout(90_000);
    const seen = { url: visit.url, requests: [], errors: [], axe: [], said: [] };
    // Also those that the Content Security Policy blocks.
    page.on("request", (request) => seen.requests.push(request.url()));
    page.on("pageerror", (error) => seen.errors.push(String(error)));
    page.on("console", (line) => line.type() === "error" && seen.errors.push(line.text()));
    const answer = await page.goto(visit.url, { waitUntil: "load" });
    seen.status = answer.status();
    for (const step of visit.steps ?? []) {
      if (step.press) await page.keyboard.press(step.press);
      if (step.tabTo) {
        // As a person without a mouse gets there: not at once, but in the end.
        let isThere = false;
        for (let presses = 0; presses < 80 && !isThere; presses += 1) {
          await page.keyboard.press("Tab");
          isThere = await page.evaluate((selector) => document.activeElement.matches(selector), step.tabTo);
        }
        if (!isThere) throw new Error(`Tab never reaches ${step.tabTo}`);
      }
      if (step.wait) await page.waitForSelector(step.wait, { timeout: 90_000 });
      if (step.pause) await page.waitForTimeout(step.pause);
      if (step.evaluate) seen.said.push(await page.evaluate(step.evaluate));
    }
    const judged = await new AxeBuilder({ page }).analyze();
    seen.axe = judged.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" ").slice(0, 400)}`);
    seen.lang = await page.getAttribute("html", "lang");
    seen.title = await page.title();
    seen.text = await page.innerText("body");
    // What is wider than the window would be cut off on a phone.
    seen.overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (visit.picture) await page.screenshot({ path: visit.picture, fullPage: true });
    stdout.write(`${JSON.stringify(seen)}\n`);
    await context.close();
  }
} finally {
  await browser.close();
}

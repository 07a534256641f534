// Somebody at the page with Firefox: node firefox.mjs PROGRAM URL PHOTO. Prints what was seen, as JSON.
import puppeteer from "puppeteer-core";

const [program, url, photo] = process.argv.slice(2);
const browser = await puppeteer.launch({ browser: "firefox", executablePath: program, headless: true });
const page = await browser.newPage();
const seen = { messages: [] };
page.on("console", (message) => message.type() === "error" && seen.messages.push(message.text()));
page.on("pageerror", (error) => seen.messages.push(String(error)));

const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
/** What `ask` answers, once that is something. */
async function until(what, ask) {
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) {
    const found = await ask();
    if (found) return found;
  }
  throw new Error(`not within 30 s: ${what}`);
}
const text = (selector) => page.$eval(selector, (one) => one.textContent);
const shown = () => page.$eval("#after", (one) => one.src);
const markers = () => page.$$eval(".marker", (all) => all.map((one) => one.getBoundingClientRect().x));
const box = async (selector) => (await page.$(selector)).boundingBox();
const at = ({ x, y, width, height }, right, down) => [x + right * width, y + down * height];
const changed = (from) => until("another result", async () => (await shown()) !== from);
const set = (selector, type) =>
  page.$eval(selector, (one, event) => {
    one.value = one.max;
    one.dispatchEvent(new Event(event, { bubbles: true }));
  }, type);

try {
  await page.setViewport({ width: 1280, height: 800 });
  await page.goto(url, { waitUntil: "load" });
  await (await page.$("#files")).uploadFile(photo);
  await until("colours", async () => (await text("#status")).includes("Coloured"));
  seen.result = await shown();

  const before = await box("#frame");
  await page.mouse.move(...at(before, 0.5, 0.5));
  await page.mouse.wheel({ deltaY: -200 });
  seen.zoomed = await until("zoom", async () => (await box("#frame")).width / before.width > 1.2);
  await page.click("#zoom-fit");
  await until("the whole photo", async () => Math.abs((await box("#frame")).width - before.width) < 1);

  await page.click("#correct");
  await page.mouse.click(...at(await box("#frame"), 0.3, 0.6));
  seen.likely = await until("likely colours", () => page.$$eval("#likely button", (all) => all.length));
  await page.$$eval("#groups button", (all) => all.find((one) => one.getAttribute("aria-label") === "Navy").click());
  await changed(seen.result);
  const [x] = await markers();
  await page.mouse.move(...at(await box(".marker"), 0.5, 0.5));
  await page.mouse.down();
  await page.mouse.move(...at(await box(".marker"), 2.5, 0.5), { steps: 8 });
  await page.mouse.up();
  seen.dragged = await until("a drag", async () => (await markers())[0] - x > 30);
  seen.markers = (await markers()).length;

  await page.click("#done");
  await set("#saturation", "input");
  const previewed = await shown();
  await set("#saturation", "change");
  await changed(previewed);

  await page.reload({ waitUntil: "load" });
  await until("the photo of before", async () => (await markers()).length);
  seen.kept = { result: await shown(), markers: (await markers()).length, saturation: await text("#saturation-value") };
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));

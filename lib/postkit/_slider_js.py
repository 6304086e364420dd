"""The slider's script and style, which travel in each slider's HTML. No `<`, `>` or `&` in them, for XHTML's sake."""

# Colours follow the page's text colour; the range's accent is style.BLUE, because Chromium draws currentColor wrongly.
# Without the script there are no controls, so only print needs a rule that hides them.
STYLE = (
    "<style>"
    ".postkit-slider{max-width:100%}"
    ".postkit-slider img{display:block;margin:0 auto}"
    ".postkit-controls{display:flex;flex-wrap:wrap;align-items:center;gap:.4em .8em;margin:.5em auto 0;max-width:40em}"
    ".postkit-controls button{font:inherit;font-size:.85em;color:inherit;background:transparent;"
    "border:1px solid currentColor;border-radius:.3em;padding:.25em .6em;min-width:5.5em;min-height:2em;cursor:pointer}"
    ".postkit-controls input{flex:1 1 10em;min-height:2em;accent-color:#1271f5}"
    ".postkit-controls output{flex:0 0 auto;min-width:8em;font-size:.9em;font-variant-numeric:tabular-nums}"
    ".postkit-controls :focus-visible{outline:2px solid currentColor;outline-offset:2px}"
    "@media print{.postkit-controls{display:none}}"
    "</style>"
)

SCRIPT = """
(function () {
var root = document.currentScript ? document.currentScript.parentNode : null;
if (!root || !root.classList.contains("postkit-slider")) { return; }
if (root.dataset.ready) { return; }
root.dataset.ready = "1";
var data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
var image = root.querySelector("img");
var last = data.frames.length - 1;
data.frames[data.start] = image.src;
function make(tag, attributes) {
var element = document.createElement(tag);
Object.keys(attributes).forEach(function (key) { element.setAttribute(key, attributes[key]); });
return element;
}
var controls = make("div", { "class": "postkit-controls", "role": "group", "aria-label": data.name });
var button = make("button", { "type": "button" });
var range = make("input", { "type": "range", "id": root.id + "-range", "min": 0, "max": last, "step": 1,
"value": data.start, "aria-label": data.name, "autocomplete": "off" });
var output = make("output", { "for": range.id, "aria-live": "off" });
var still = window.matchMedia("(prefers-reduced-motion: reduce)");
var timer = null;
function show(index) {
var label = data.labels[index];
image.src = data.frames[index];
image.alt = label ? data.alt.replace(/[. ]+$/, "") + " (" + label + ")" : data.alt;
range.value = index;
range.setAttribute("aria-valuetext", label);
output.textContent = label;
}
function name_button() {
button.textContent = still.matches ? "Next" : timer === null ? "\\u25b6 Play" : "\\u275a\\u275a Pause";
button.setAttribute("aria-label", button.textContent.replace(/[^A-Za-z]/g, "") + ": " + data.name);
}
function pause() { window.clearInterval(timer); timer = null; name_button(); }
function step() {
var index = Number(range.value);
if (index === last) { pause(); } else { show(index + 1); if (index + 1 === last) { pause(); } }
}
button.addEventListener("click", function () {
if (timer !== null) { pause(); return; }
if (Number(range.value) === last) { show(0); if (still.matches) { return; } }
else { step(); }
if (!still.matches) { if (Number(range.value) !== last) { timer = window.setInterval(step, data.interval); } }
name_button();
});
function fetched() { data.frames.forEach(function (frame) { new Image().src = frame; }); }
["pointerenter", "focusin"].forEach(function (kind) { root.addEventListener(kind, fetched, { "once": true }); });
range.addEventListener("input", function () { pause(); show(Number(range.value)); });
if (still.addEventListener) { still.addEventListener("change", pause); }
window.addEventListener("beforeprint", function () { pause(); show(data.start); });
controls.append(button, range, output);
root.append(controls);
show(data.start);
name_button();
if (last === 0) { controls.remove(); }
})();
"""

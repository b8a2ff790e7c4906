// What is pointed at, or tapped, says what it is: the nearest point of a figure, or a patch.
const told = document.getElementById("told");
const mark = document.createElementNS("http://www.w3.org/2000/svg", "circle");
mark.setAttribute("r", 3.5);
mark.setAttribute("class", "mark");
function tell(text, event) {
  told.textContent = text;
  told.hidden = !text;
  const room = document.documentElement.clientWidth - told.offsetWidth - 8;
  told.style.left = Math.max(4, Math.min(event.clientX + 12, room)) + "px";
  told.style.top = Math.max(4, event.clientY - told.offsetHeight - 14) + "px";
}
for (const svg of document.querySelectorAll("figure svg")) {
  const points = [], patches = new Map();
  for (const title of svg.querySelectorAll("title")) {
    const owner = title.parentNode, text = title.textContent;
    if (owner.tagName === "use") points.push({ x: +owner.getAttribute("x"), y: +owner.getAttribute("y"), text });
    else patches.set(owner, text);
    title.remove();
  }
  const point = (event) => {
    const matrix = svg.getScreenCTM().inverse();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    let nearest = null, least = 64 * matrix.a * matrix.a;
    for (const one of points) {
      const distance = (one.x - at.x) ** 2 + (one.y - at.y) ** 2;
      if (distance <= least) [nearest, least] = [one, distance];
    }
    if (nearest) {
      mark.setAttribute("cx", nearest.x);
      mark.setAttribute("cy", nearest.y);
      svg.append(mark);
    } else mark.remove();
    tell(nearest ? nearest.text : patches.get(event.target) || "", event);
  };
  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("pointerleave", (event) => { mark.remove(); tell("", event); });
}

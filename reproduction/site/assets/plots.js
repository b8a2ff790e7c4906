// Draws predicted against true values with Plotly, in the colours of the page's scheme.

function colour(name) {
  return getComputedStyle(document.body).getPropertyValue(name).trim();
}

// The networks' colours are made for white paper; on a dark page they are mixed with white.
function onPage(hex) {
  const [, r, g, b] = colour("--color-background-primary").match(/^#(\w\w?)(\w\w?)(\w\w?)$/) || [];
  const dark = r && [r, g, b].every((part) => parseInt(part[0], 16) < 8);
  if (!dark) return hex;
  const parts = hex.match(/\w\w/g).map((part) => Math.round(0.55 * parseInt(part, 16) + 0.45 * 255));
  return `rgb(${parts.join(",")})`;
}

function layout(plot, narrow) {
  const unit = plot.unit ? ` (${plot.unit})` : "";
  const shown = plot.networks.filter((network) => network.shown);
  const all = shown.flatMap((network) => [...network.true, ...network.predicted]);
  const low = all.reduce((a, b) => Math.min(a, b)), high = all.reduce((a, b) => Math.max(a, b));
  const margin = 0.04 * (high - low);
  const grid = { gridcolor: colour("--color-background-border"), zeroline: false, range: [low - margin, high + margin] };
  return {
    height: narrow ? 440 : 560,
    margin: { l: 60, r: 10, t: 10, b: 50 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colour("--color-foreground-primary"), size: narrow ? 11 : 13 },
    hoverlabel: { bgcolor: colour("--color-background-secondary"), font: { color: colour("--color-foreground-primary") } },
    xaxis: { ...grid, title: { text: `${plot.target} true${unit}` } },
    yaxis: { ...grid, title: { text: `${plot.target} predicted${unit}` } },
    legend: { orientation: "h", y: -0.18, yanchor: "top", x: 0, itemclick: "toggle" },
    hovermode: "closest",
    showlegend: true,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--color-foreground-muted"), activecolor: colour("--color-brand-content") },
    shapes: [{ type: "line", x0: low, y0: low, x1: high, y1: high, layer: "below", line: { width: 1, color: colour("--color-foreground-muted") } }],
  };
}

function traces(plot) {
  const unit = plot.unit ? ` ${plot.unit}` : "";
  return plot.networks.map((network) => ({
    type: "scatter",
    mode: "markers",
    name: network.name,
    x: network.true,
    y: network.predicted,
    text: network.crystals,
    visible: network.shown || "legendonly",
    marker: { color: onPage(network.colour), size: 6, opacity: 0.75 },
    hovertemplate: `<b>%{text}</b><br>true %{x}${unit}<br>predicted %{y}${unit}<extra></extra>`,
  }));
}

function draw(box, plots) {
  const plot = plots[box.querySelector("select").selectedIndex];
  const place = box.querySelector(".plot");
  const narrow = place.clientWidth < 500;
  const config = { responsive: true, displaylogo: false, displayModeBar: !narrow, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
  const wanted = layout(plot, narrow);
  wanted.height += 20 * plot.networks.length * (narrow ? 1 : 0.5);
  Plotly.react(place, traces(plot), wanted, config);
}

document.querySelectorAll(".parity").forEach((box) => {
  const plots = JSON.parse(box.querySelector("script").textContent);
  const again = () => draw(box, plots);
  again();
  box.querySelector("select").addEventListener("change", again);
  new MutationObserver(again).observe(document.body, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
});

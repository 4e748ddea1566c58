// Draws every chart of the page.
const page = JSON.parse(document.getElementById("charts").textContent);
const options = {
  mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
  config: page.config, tooltip: {disableDefaultStyle: true},
};
const draw = async ([id, spec]) => {
  try {
    await vegaEmbed(document.getElementById(id), spec, options);
  } catch (error) {
    document.getElementById(id).textContent = `This chart could not be drawn: ${error.message}`;
    console.error(error);
  }
};
Promise.all(Object.entries(page.charts).map(draw)).then(() => {
  document.documentElement.dataset.charts = "drawn";
});

// Redraws the explorer's chart, table and summary from the counts in the page; see explore.py.
(() => {
  const form = document.getElementById("explore-form");
  if (!form) return;
  const {lines, names} = page.explore;
  const base = page.charts.explore;
  const Z = 1.959963984540054;
  const SUMMED_UP = [1, 7, 30, 60];
  const ALL = "all:all";
  const say = new Intl.NumberFormat("en-US");

  const wilson = (retained, eligible) => {
    const rate = retained / eligible;
    const middle = rate + Z * Z / (2 * eligible);
    const reach = Z * Math.sqrt(rate * (1 - rate) / eligible + Z * Z / (4 * eligible * eligible));
    const whole = 1 + Z * Z / eligible;
    return [Math.max(0, (middle - reach) / whole), Math.min(1, (middle + reach) / whole)];
  };
  const digits = rate => {
    const percent = rate * 100;
    if (percent < 1e-9) return "0";
    if (percent < 0.01) return "<0.01";
    return percent.toFixed(percent < 1 ? 2 : 1);
  };
  const percent = rate => `${digits(rate)}\u202f%`;
  const interval = (low, high) => `${digits(low)}–${digits(high)}\u202f%`;
  const at = p => p.first === p.last ? `${p.first}` : `${p.first}–${p.last}`;

  const points = packed => (packed?.first ?? []).map((first, i) => {
    const [eligible, retained] = [packed.eligible[i], packed.retained[i]];
    const [low, high] = wilson(retained, eligible);
    const last = (packed.last ?? packed.first)[i];
    return {first, last, eligible, retained, rate: retained / eligible, low, high};
  });
  const label = key => key === ALL ? "" : `, ${key.replace(/^([^:]*):/, (_, name) => `${name.replace("_", " ")} `)}`;

  const chosen = () => {
    const users = form.elements.users?.value ?? ALL;
    const period = form.elements.period.value;
    const definition = form.elements.definition.value;
    const counts = (line, of) => line.curves[`${of}|${period}|${definition}`];
    const curves = lines.map(line => ({
      app: line.app + label(users), colour: line.colour, dash: line.dash,
      points: points(counts(line, users)), until: counts(line, users)?.until,
    })).filter(curve => curve.points.length);
    // All users stay in sight as a dashed line behind those who were chosen.
    const beside = users === ALL ? [] : lines.map(line => ({
      app: `${line.app}, all users`, colour: "var(--muted)", dash: "dashed",
      points: points(counts(line, ALL)),
    }));
    return {period, definition, curves, drawn: [...beside, ...curves]};
  };

  const spec = ({period, drawn}) => {
    const made = structuredClone(base);
    made.data.values = drawn.flatMap(({app, colour, dash, points}) => points.map(p => ({
      app, colour, dash, ...p, x: (p.first + p.last) / 2, at: `${period} ${at(p)}`,
    })));
    const top = Math.min(1, 1.05 * Math.max(
      0.0001, ...drawn.flatMap(({points}) => [
        ...points.map(p => p.rate), ...points.slice(0, 7).map(p => p.high),
      ])));
    for (const {encoding} of made.layer) {
      encoding.x.title = `${period}s since the first ${period}`;
      if (encoding.y.scale) encoding.y.scale.domain = [0, top];
    }
    return made;
  };

  const element = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const tell = ({period, definition, curves}) => {
    const table = document.getElementById("explore-table");
    const unit = period[0].toUpperCase() + period.slice(1);
    table.caption.textContent = `${names[definition]} retention by ${period}`;
    const head = document.createElement("tr");
    head.append(
      element("th", unit, {scope: "col"}),
      ...curves.map(({app}) => element("th", app, {scope: "col", class: "number"})));
    table.tHead.replaceChildren(head);
    const keys = new Map(curves.flatMap(({points}) => points.map(p => [`${p.first}|${p.last}`, p])));
    const rows = [...keys.values()].sort((a, b) => a.first - b.first || a.last - b.last).map(key => {
      const row = document.createElement("tr");
      row.append(element("th", at(key), {scope: "row"}));
      for (const {points} of curves) {
        const p = points.find(p => p.first === key.first && p.last === key.last);
        const cell = element("td", "", {class: p ? "number" : "number unobserved"});
        if (p) {
          cell.append(
            element("span", percent(p.rate)), " ",
            element("span", interval(p.low, p.high), {class: "small"}), " ",
            element("span", `${say.format(p.retained)} of ${say.format(p.eligible)}`, {class: "small"}));
        } else {
          cell.append(element("span", "not yet", {class: "small"}));
        }
        row.append(cell);
      }
      return row;
    });
    table.tBodies[0].replaceChildren(...rows);

    const said = curves.map(({app, points, until}) => {
      const [first, last] = [points[0], points[points.length - 1]];
      const shares = points
        .filter(p => SUMMED_UP.includes(p.first) || p === first || p === last)
        .map(p => `${period} ${at(p)} ${percent(p.rate)} (${interval(p.low, p.high)})`);
      const after = last.last >= until ? "" : ` After ${period} ${last.last} nothing is observed yet; it is not zero.`;
      return `${app}: ${shares.join(", ")}.${after}`;
    });
    if (!said.length) said.push("No cohort has completed a period of this choice yet: it is not known, which is not zero.");
    document.getElementById("explore-summary").replaceChildren(...said.map(text => element("p", text)));
  };

  let view = null;
  let turn = 0;
  const redraw = async () => {
    // Brackets are published of all users only: users count once per bracket.
    if (form.elements.users) {
      const only = form.elements.definition.value === "bracket";
      if (only) form.elements.users.value = ALL;
      form.elements.users.disabled = only;
      document.getElementById("explore-only").hidden = !only;
    }
    const choice = chosen();
    tell(choice);
    const mine = ++turn;
    const drawn = await vegaEmbed(document.getElementById("explore"), spec(choice), options);
    if (mine !== turn) return drawn.finalize();
    view?.finalize();
    view = drawn;
    document.getElementById("explore").dataset.shown =
      [form.elements.users?.value ?? ALL, choice.period, choice.definition].join("|");
  };
  form.addEventListener("change", redraw);
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = false;
})();

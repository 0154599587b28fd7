"use strict";
/* From probabilities and distance to an answer, by answer_rules.json, and the table that `predict` would write. */

const most = (values) => values.reduce((best, value, place) => (value > values[best] ? place : best), 0);

/* The adjacent grades that hold the true one as often as was asked for, joined by |. */
function predictionSet(mean, rules) {
  const limits = rules.set_limits.image;
  if (limits === null) return "";
  const rising = (values) => values.map((_, place) => Math.max(...values.slice(0, place + 1)));
  const falling = rising([...mean].reverse()).reverse();
  const unimodal = rising(mean).map((value, place) => Math.min(value, falling[place]));
  const places = mean.map((_, place) => place).filter((place) => 1 - unimodal[place] <= limits[place]);
  places.push(most(mean));
  return rules.classes.slice(Math.min(...places), Math.max(...places) + 1).join("|");
}

/* One image's columns, null where they are not defined.
   perView: numbers of each view and grade, one after the other; distance: a number or null. */
function answered(perView, distance, rules) {
  const { classes } = rules, views = perView.length / classes.length;
  const rows = Array.from({ length: views }, (_, view) => Array.from(perView.slice(view * classes.length, (view + 1) * classes.length)));
  const mean = classes.map((_, place) => rows.reduce((sum, row) => sum + row[place], 0) / views);
  const best = most(mean), of = rows.map((row) => row[best]), middle = of.reduce((sum, value) => sum + value, 0) / views;
  const spread = Math.sqrt(of.reduce((sum, value) => sum + (value - middle) ** 2, 0) / views);
  const unlike = rules.distance_limit === null ? null : Number(distance > rules.distance_limit);
  const unsure = mean[best] < (rules.abstain ?? 0);
  return {
    predicted: classes[best],
    ...Object.fromEntries(classes.map((grade, place) => [`p_${grade}`, mean[place]])),
    spread: views > 1 ? spread : null,
    agree: views > 1 ? rows.filter((row) => most(row) === best).length / views : null,
    distance,
    unlike,
    set: predictionSet(mean, rules),
    answer: unlike ? rules.unlike : unsure ? rules.unsure : classes[best],
  };
}

/* A number as C and Python print it with %.9g. */
function nineDigits(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const [digits, power] = value.toExponential(8).split("e"), bare = (number) => number.replace(/\.?0+$/, "");
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 9) return exponent === 8 ? value.toFixed(0) : bare(value.toFixed(8 - exponent));
  return `${bare(digits)}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/* A cell; a name that a spreadsheet would take for a formula is named in its folder. */
function cell(value) {
  if (value === null) return "";
  if (typeof value === "number") return nineDigits(value);
  const safe = /^[\s\p{Cf}\p{Cc}]*[=+\-@＝＋－＠]/u.test(value) ? `./${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const csv = (rows) =>
  [Object.keys(rows[0]), ...rows.map((row) => Object.values(row))].map((row) => `${row.map(cell).join(",")}\n`).join("");

#include "reports/html/assets.h"

namespace paretune {

std::string_view html_style() {
  return R"css(
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --card: #ffffff; --ink: #1c2126; --soft: #5b6570; --line: #dde1e5; --faint: #eef0f2;
  --accent: #0b62a8; --pick: #c2410c; --good: #16703c; --bad: #b3261e; --hot: #fff3d6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1c2024; --ink: #e6e9ec; --soft: #a0a9b2; --line: #363d44; --faint: #262b30;
    --accent: #6db5f2; --pick: #ff9a5c; --good: #6fcf97; --bad: #ff8a80; --hot: #463c1c;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
header, main, footer { max-width: 1160px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 28px; }
h1 { font-size: 1.15rem; margin: 0; color: var(--soft); font-weight: 600; }
h2 { font-size: 1.35rem; margin: 2.6rem 0 .6rem; line-height: 1.25; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p { max-width: 75ch; margin: .5rem 0; }
nav { margin: .4rem 0 0; font-size: .9rem; }
nav a { margin-right: 1rem; display: inline-block; }
a { color: var(--accent); }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .9em; }
pre { background: var(--faint); padding: 10px 14px; border-radius: 6px; overflow-x: auto; max-width: 100%; }
.decision { background: var(--card); border: 1px solid var(--line); border-left: 6px solid var(--soft);
  border-radius: 8px; padding: 18px 22px; margin-top: 16px; overflow-wrap: anywhere; }
.decision.good { border-left-color: var(--good); }
.decision.bad { border-left-color: var(--bad); }
.decision h2 { margin: 0 0 .8rem; font-size: 1.6rem; max-width: 50ch; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 12px; margin: 0 0 14px; }
.numbers div { background: var(--faint); border-radius: 6px; padding: 12px 14px; }
.numbers dt { color: var(--soft); font-size: .85rem; }
.numbers dd { margin: 0; }
.numbers .value { font-size: 1.55rem; font-weight: 650; line-height: 1.3; }
.numbers .note { font-size: .85rem; color: var(--soft); }
.good { color: var(--good); }
.bad { color: var(--bad); }
.muted { color: var(--soft); }
.decision.good, .decision.bad, .decision.muted { color: var(--ink); }
.scroll { overflow-x: auto; margin: .8rem 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.scroll.tall { max-height: 640px; overflow-y: auto; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 9px 12px; color: var(--soft); font-size: .86rem; }
th, td { text-align: left; padding: 6px 12px; border-top: 1px solid var(--line); vertical-align: top; min-width: 4.5em; }
td { max-width: 34em; overflow-wrap: break-word; white-space: pre-line; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 600; }
.num { text-align: right; white-space: nowrap; }
thead .num { white-space: normal; }
small { display: block; font-size: .85em; font-weight: 400; color: var(--soft); }
.long { min-width: 14em; }
.num.muted, .num.muted small { white-space: normal; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: inherit; }
th[aria-sort="ascending"] button::after { content: " ▲"; }
th[aria-sort="descending"] button::after { content: " ▼"; }
tr.hot > * { background: var(--hot); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
details { margin: .8rem 0; }
summary { cursor: pointer; color: var(--accent); }
dl.definitions { display: grid; grid-template-columns: minmax(8em, max-content) 1fr; gap: 6px 18px; }
dl.definitions dt { font-weight: 600; }
dl.definitions dd { margin: 0; max-width: 80ch; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 14px; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 8px 4px; }
figcaption { font-size: .86rem; color: var(--soft); padding: 0 8px 6px; }
.plot { display: block; width: 100%; height: auto; }
.plot text { font: 11.5px system-ui, sans-serif; fill: var(--soft); }
.plot .title { font-size: 12px; fill: var(--ink); }
.plot .label { fill: var(--ink); font-weight: 600; paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
.grid { stroke: var(--faint); } .axis { stroke: var(--soft); }
.break { stroke: var(--soft); stroke-dasharray: 2 4; }
.leader { stroke: var(--soft); stroke-width: .8; }
.whisker { stroke: var(--accent); opacity: .45; }
.steps { fill: none; stroke: var(--accent); stroke-width: 1.6; }
.point { cursor: pointer; outline: none; }
.point .touch { fill: transparent; stroke: none; }
.point path, .point circle, .point rect { fill: none; stroke: var(--soft); stroke-width: 1.4; }
.point.front circle, .point.front rect { fill: var(--accent); stroke: var(--card); stroke-width: 1; }
.point.front.over circle, .point.front.over rect { fill: none; stroke: var(--accent); }
.point.pick path { fill: var(--pick); stroke: var(--card); stroke-width: 1; }
.point.over path { opacity: .6; }
.point .touch, .point.front .touch, .point.front.over .touch { fill: transparent; stroke: none; }
.point.hot .touch, .point:focus-visible .touch { stroke: var(--pick); stroke-width: 2; fill: none; }
.whiskers.hot .whisker { opacity: 1; stroke-width: 2; }
#plot-cube { touch-action: pan-y; cursor: grab; }
.legend { font-size: .86rem; color: var(--soft); max-width: none; }
.legend svg { display: inline-block; width: 15px; height: 15px; vertical-align: -2px; margin: 0 4px 0 12px; }
.legend svg:first-child { margin-left: 0; }
#tip { position: fixed; z-index: 9; pointer-events: none; white-space: pre-line; max-width: min(420px, 92vw);
  background: var(--ink); color: var(--paper); font-size: .82rem; line-height: 1.4; padding: 8px 11px; border-radius: 6px;
  overflow-wrap: anywhere; }
#tip::first-line { font-weight: 650; }
footer { color: var(--soft); font-size: .85rem; padding: 30px 20px; }
@media (max-width: 600px) {
  header, main, footer { padding-left: 12px; padding-right: 12px; }
  .decision { padding: 14px; } .decision h2 { font-size: 1.25rem; }
  .plot text { font-size: 13px; } .plot .title { font-size: 14px; } .plot .label { font-size: 13px; }
  dl.definitions { grid-template-columns: 1fr; } dl.definitions dd { margin-bottom: .5rem; }
}
@media print { nav, #tip { display: none; } .scroll.tall { max-height: none; } body { font-size: 12px; } }
)css";
}

}  // namespace paretune

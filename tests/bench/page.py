"""Writes the last table into docs/benchmarks.md, between its two marks, and docs/images/bench.svg.

    python3 tests/bench/page.py [bench.json …]     later files replace rows of earlier ones
"""
import html
import json
import math
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- bench.json -->\n", "<!-- end of bench.json -->\n"
LEFT, WIDTH, LINE = 400, 460, 24  # of the chart, in pixels


def read(paths):
    rows, machines = {}, []
    for path in paths:
        held = json.loads(pathlib.Path(path).read_text())
        machines.append(held["machine"])
        rows.update({row["name"]: row for row in held["rows"]})
    return list(rows.values()), machines


def costs(row):
    """Rows of temper against itself: what doubling costs, where less is better."""
    return row["name"].startswith("twice")


def table(rows, machines):
    loads = [machine[key][0] for machine in machines for key in ("load", "load_after")]
    last = machines[-1]
    lines = [f"{last['processor']}, {last['cores']} cores, {' '.join(last['features'])}; load {min(loads):.1f} … {max(loads):.1f}.",
             "", "| what | ours | peer | unit | ratio | must | aim |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        sign = "≤" if costs(row) else "≥"
        must = "" if row["must"] is None else f"{sign} {row['must']:g}{'' if row['met'] else ', **missed**'}"
        aim = "" if row["aim"] is None else f"{row['aim']:g}"
        lines.append(f"| {row['name']} | {row['ours']:.3g} | {row['peer']:.3g} | {row['unit']} | {row['ratio']:.2f} | {must} | {aim} |")
    return "\n".join(lines) + "\n"


def chart(rows):
    rows = [row for row in rows if not costs(row) and "against" in row["name"]]
    most = max(max(row["ratio"], row["must"] or 0) for row in rows)
    least = min(0.5, *(row["ratio"] for row in rows))
    span = math.log(most * 1.1 / least)
    def x(ratio):
        return LEFT + WIDTH * math.log(ratio / least) / span
    height = LINE * (len(rows) + 2)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 60}" height="{height}" font-family="sans-serif" '
           f'font-size="12">', f'<rect width="100%" height="100%" fill="#fff"/>']
    for tick in (0.5, 1, 2, 4, 8, 16, 32):
        if least <= tick <= most * 1.1:
            out.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{LINE}" y2="{height - 6}" stroke="#ddd"/>'
                       f'<text x="{x(tick):.1f}" y="{LINE - 8}" fill="#555" text-anchor="middle">{tick:g}×</text>')
    for i, row in enumerate(rows):
        y = LINE * (i + 1) + 4
        colour = "#2a6f97" if row["met"] is not False else "#c1666b"
        left, right = sorted((x(1), x(row["ratio"])))
        out.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end" fill="#222">{html.escape(row["name"])}</text>'
                   f'<rect x="{left:.1f}" y="{y}" width="{max(1, right - left):.1f}" height="{LINE - 8}" fill="{colour}"/>'
                   f'<text x="{right + 4:.1f}" y="{y + 12}" fill="#222">{row["ratio"]:.1f}</text>')
        if row["must"] is not None:
            out.append(f'<line x1="{x(row["must"]):.1f}" x2="{x(row["must"]):.1f}" y1="{y - 2}" y2="{y + LINE - 6}" '
                       'stroke="#222" stroke-width="2"/>')
    return "\n".join(out) + "\n</svg>\n"


def main():
    rows, machines = read(sys.argv[1:] or [ROOT / "bench.json"])
    page = ROOT / "docs" / "benchmarks.md"
    text = page.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(before + BEGIN + table(rows, machines) + END + after)
    (ROOT / "docs" / "images" / "bench.svg").write_text(chart(rows))


main()

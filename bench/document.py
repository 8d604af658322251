"""docs/benchmarks.md and the growth curves, from one run's figures."""

import math

PREAMBLE = """# Benchmarks

`make bench` measures everything on this page in one run and writes it anew: each figure beside its target, and beside what an empty handler on the same
transport or the disk alone reaches at the same time on the same machine. `FULL=1 make bench` does so at full length and size. The load generator,
`thalo bench` ([cli.md](cli.md#benchmarks)), runs on the same cores as what it measures, and checks every answer: an accepted command's events belong to
the entity asked, reads are gapless, and the store has as many new events as were acknowledged. Every acknowledged command is synced (`fdatasync`).

Latency of an open loop (`--rate`) counts from the time an operation was due. A figure with a range behind it is the median of so many turns, and what
stands beside it is of that turn, but for the longest of all. A shared machine's speed changes by a third from one minute to the next: what is compared is
measured in turns, one after another, a share is the median of the turns' shares, and half of the maximum is that of a maximum measured right before. Beside
p99.9 stands what one of a thousand moments waits for the disk alone: how long it has requests before it and completes none, of any program, looked at every
5 ms (silences under 10 ms are not counted). Who waits for a sync then waits as long, whatever the store does. The same
is measured on a file system in memory too: what p99.9 is there, the disk has no part in.
"""

def table(figures):
    lines = ["| what | measured | target | | ceiling or floor |", "|---|---|---|---|---|"]
    for figure in figures:
        verdict = {True: "met", False: "**missed**", None: ""}[figure.met]
        lines.append(f"| {figure.what} | {figure.measured} | {figure.target} | {verdict} | {figure.ceiling} |")
    return "\n".join(lines)


def commands(figures):
    seen = dict.fromkeys(figure.command for figure in figures if figure.command)
    return "".join(f"    {command}\n" for command in seen)


def page(figures, texts, machine, file_system, full, version, plots):
    groups = {}
    for figure in figures:
        groups.setdefault(figure.group, []).append(figure)
    judged = [figure for figure in figures if figure.met is not None]
    out = [PREAMBLE]
    out.append(
        f"Measured {machine['measured_at']} UTC with Thalo {version} on {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:.0f} GB, "
        f"{machine['kernel']}, {file_system}; load average before: {machine['load_average']:.1f}. {'Full' if full else 'Quick'} run. "
        f"Targets met: {sum(figure.met for figure in judged)} of {len(judged)}.\n"
    )
    for name, members in groups.items():
        out.append(f"## {name}\n\n{table(members)}\n")
        if text := commands(members):
            out.append(text)
        for plot, group, caption in plots:
            if name.startswith(group):
                out.append(f"![{caption}](benchmarks/{plot}.svg)\n")
    for title, text in texts:
        out.append(f"## {title}\n\n```\n{text}\n```\n")
    return "\n".join(out)


def curve(points, title, x_label):
    """An SVG of throughput over a logarithmic x."""
    width, height, left, right, top, bottom = 640, 260, 80, 610, 40, 205
    most = max(y for _, y in points) * 1.15
    low, high = (math.log10(edge) for edge in (points[0][0], points[-1][0]))

    def place(x, y):
        return left + (right - left) * (math.log10(x) - low) / (high - low), bottom - (bottom - top) * y / most

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="20" font-size="13" font-weight="bold">{title}</text>',
    ]
    for step in range(5):
        y = bottom - (bottom - top) * step / 4
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{most * step / 4:,.0f}/s</text>')
    line = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in points)
    parts.append(f'<polyline fill="none" stroke="#1f6feb" stroke-width="1.5" points="{line}"/>')
    for x, y in points:
        at_x, at_y = place(x, y)
        parts.append(f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="3" fill="#1f6feb"/>')
        parts.append(f'<text x="{at_x:.1f}" y="{at_y - 8:.1f}" text-anchor="middle">{y:,.0f}</text>')
        parts.append(f'<text x="{at_x:.1f}" y="{bottom + 16}" text-anchor="middle">{x:,}</text>')
    parts.append(f'<text x="{(left + right) / 2}" y="{bottom + 36}" text-anchor="middle">{x_label}</text>')
    return "\n".join(parts) + "\n</svg>\n"

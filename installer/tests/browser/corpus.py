"""A log that holds what commands write, and what nobody should: each line with how it must read."""

ESC = "\x1b"

# What reads like a page's code must read as just that.
MARKUP = [
    "<script>alert('script')</script>",
    "<img src=x onerror=alert('img')><svg/onload=alert('svg')>",
    "</span></div></main></body></html><script>alert(2)</script>",
    "<style>* { display: none }</style><link rel=stylesheet href=http://192.0.2.1/style.css>",
    "<iframe srcdoc='<script>parent.alert(3)</script>'></iframe><meta http-equiv=refresh content='0;url=http://192.0.2.1/'>",
    "<a href=\"javascript:alert(4)\">click</a> javascript:alert(5) &lt;b&gt; &#60;b&#62; &amp;",
    "{{constructor.constructor('alert(6)')()}} ${alert(7)} `alert(8)` '-alert(9)-' \"-alert(10)-\" \\u003cscript\\u003e",
    "<!-- --><![CDATA[<script>alert(11)</script>]]><math><mi//xlink:href=\"data:x,<script>alert(12)</script>\">",
    "__proto__ constructor hasOwnProperty L12 #L12 &token=evil",
]

# As it is written, and as it reads.
CODES = [
    (f"{ESC}[31mred{ESC}[0m and {ESC}[1;4;32mbold underlined green{ESC}[22;24m not{ESC}[m plain", "red and bold underlined green not plain"),
    (f"{ESC}[38;5;208m256{ESC}[39m {ESC}[38;2;255;0;255mtrue{ESC}[48;2;0;0;80m colour{ESC}[0m", "256 true colour"),
    (f"{ESC}[38:2::1:2:3mcolons{ESC}[0m {ESC}[97;107mwhite on white{ESC}[0m {ESC}[30;40mblack on black{ESC}[0m", "colons white on white black on black"),
    (" 10%\r 50%\r100% done", "100% done"),
    (f"long text{ESC}[2K\rshort", "short"),
    (f"abcdef{ESC}[3D{ESC}[K!", "abc!"),
    ("typo\b\b\b\bfixed", "fixed"),
    ("ends in a carriage return\r", "ends in a carriage return"),
    (f"{ESC}]0;title{ESC}\\{ESC}]8;;javascript:alert(13){ESC}\\a link{ESC}]8;;{ESC}\\ {ESC}]52;c;ZXZpbA==\x07end", "a link end"),
    (f"{ESC}[6n{ESC}[c{ESC}[?1049h{ESC}P1$r{ESC}\\{ESC}_evil{ESC}\\quiet", "quiet"),
    (f"{ESC}[99999999999Cfar\r{ESC}[2Kback{ESC}[999999999Dhere", "here"),
    (f"{ESC}[38;2;1;2;3;url(http://192.0.2.1/x)mno colour{ESC}[0m", "rl(http://192.0.2.1/x)mno colour"),
    ("turned \u202e around \u2066 here", "turned \ufffd around \ufffd here"),
    ("bell\x07 null-free \x01\x02 and unfinished \x1b[", "bell null-free  and unfinished "),
    ("two columns wide: 日本語 and a crab 🦀, a tab\there", "two columns wide: 日本語 and a crab 🦀, a tab\there"),
    ("", ""),
    (f"{ESC}[33mthis colour is left on", "this colour is left on"),
    (f"and goes on here{ESC}[0m", "and goes on here"),
]

# A progress display of two rows, drawn three times by moving up: two rows in the end.
DRAWN = ["web: 0%", "api: 0%", f"{ESC}[2Aweb: 50%", "api: 60%", f"{ESC}[2A{ESC}[2Kweb: done", f"{ESC}[2Kapi: done"]
DRAWN_AT_LAST = ["web: done", "api: done"]

LONG = "long " + "x" * 3000 + "!"
ORDINARY = [f"needle number {n}" if n % 40 == 0 else f"an ordinary line, number {n}" for n in range(1, 601)] + ["NEEDLE at last"]

WRITTEN = [*MARKUP, *(raw for raw, _ in CODES), *DRAWN, LONG, *ORDINARY]
READ = [*MARKUP, *(text for _, text in CODES), *DRAWN_AT_LAST, LONG, *ORDINARY]

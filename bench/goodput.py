"""What tuning gains: tune over the demo, the five preset workloads and, where they are, the public traces.

    bench/goodput.py [--tune build/release/tune] [--minutes 2] [--out DIR] [--traces ../shared/traces] [NAME ...]

Each study's own verification compares its recommended config with the untuned default, in pairs on fresh requests, each at
its highest rate within the SLO, both having to pass the quality gate. Goodput per dollar is the inverse of that cost.
"""
import argparse
import json
import math
import pathlib
import subprocess
import time

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--tune", default="build/release/tune")
arguments.add_argument("--minutes", default="2")
arguments.add_argument("--out", default="/tmp/paretune-goodput")
arguments.add_argument("--traces", default="../shared/traces")
arguments.add_argument("names", nargs="*")
options = arguments.parse_args()

out = pathlib.Path(options.out)
out.mkdir(parents=True, exist_ok=True)
workloads = {"demo": pathlib.Path("workloads/demo/chat.json")}
for name in ("chat", "rag", "code_completion", "classification", "batch_summarization"):
    workloads[name] = pathlib.Path(f"workloads/{name}.json")

# The traces have no texts: quality is held to what the chat preset asks.
quality = json.loads(pathlib.Path("workloads/chat.json").read_text())["quality"]
for item in quality["evals"]:
    item["path"] = str(pathlib.Path("workloads", item["path"]).resolve())
quality["text"] = [str(pathlib.Path("workloads", path).resolve()) for path in quality["text"]]

# With their speed-up and limit of the TTFT in ms: in the bursts of azure_code the default holds 500 ms at no rate, and what
# serves nothing makes no ratio.
TRACES = {"azure_code": ("azure-llm-2023/AzureLLMInferenceTrace_code.csv", 20, 2000),
          "mooncake": ("mooncake-fast25/synthetic_trace.jsonl", 20, 500)}
for name, (path, speedup, ttft_ms) in TRACES.items():
    trace = pathlib.Path(options.traces, path).resolve()
    if not trace.exists():
        print(f"skipped: {trace} is not here")
        continue
    workloads[name] = out / f"{name}.json"
    workloads[name].write_text(json.dumps({
        "name": name, "model": str(pathlib.Path("workloads/demo/demo.gguf").resolve()),
        "arrival": {"process": "trace", "path": str(trace), "speedup": speedup,
                    "clip": {"input_seq_len": 256, "output_seq_len": 32}},
        "slo": {"ttft_ms": {"p95": ttft_ms}, "tpot_ms": {"p95": 25}},
        "quality": quality, "open_layers": ["all"],
        "cost": {"usd_per_hour": 0.08925, "price_source": "AWS on-demand, c7i.large", "price_date": "2026-10-05"}, "num_requests": 128, "warmup_requests": 4, "seed": 1}))

print("| workload | default / chosen: goodput per dollar [90 %] | trials | s | verdict |\n|---|---|---|---|---|", flush=True)
gains = []
for name, workload in workloads.items():
    if options.names and name not in options.names:
        continue
    folder = out / name
    begin = time.monotonic()
    run = subprocess.run([options.tune, str(workload), "--minutes", options.minutes, "--out", str(folder),
                          "--store", str(out / "goodput.sqlite")], capture_output=True, text=True)
    seconds = time.monotonic() - begin
    if run.returncode not in (0, 3):
        print(f"| {name} | failed: {run.stderr.strip().splitlines()[-1:]} | | {seconds:.0f} | |", flush=True)
        continue
    front = json.loads((folder / "front.json").read_text())
    verification, trials = front["verification"], front["trials"]["total"]
    ratio = verification["cost_ratio"] if verification else {"value": 0}
    verdict = verification["verdict"] if verification else "not verified"
    if ratio["value"]:
        gains.append(1 / ratio["value"])
        gain = f"{1 / ratio['value']:.2f} [{1 / ratio['high']:.2f} {1 / ratio['low']:.2f}]"
    else:
        gains.append(1.0)  # the default is what was chosen
        gain = "1 (the default)"
    print(f"| {name} | {gain} | {trials} | {seconds:.0f} | {verdict} |", flush=True)
if gains:
    print(f"\ngeometric mean over {len(gains)}: {math.exp(sum(map(math.log, gains)) / len(gains)):.2f}")

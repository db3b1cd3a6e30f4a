"""Takes the documentation apart: every block of YAML and JSON parses, and each configuration becomes a file to be checked.

    docs.py SCHEMA FOLDER PAGE...   SCHEMA is what `authprobe config schema` prints

A block that begins with `# config` is a whole file, one that begins with `# probes` stands below `probes:` of a target.
Without these words a block is a configuration, or a part of one, when its keys are those of the schema; what the chart
calls `config` is one as well. In configuration.md every block is one. A block of TOML is the file that `model` names.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

import yaml

TARGET = """targets:
  - name: orchestrator
    url: https://api.example.com
    every: 30s
"""
PROBES = """    kubernetes: {namespace: llm-orchestrator}
    probes:
      login: {path: /login, username: docs, password: {env: DOCS_PASSWORD}, token: /access_token}
      jwt: {request: GET /me, deny: [tampered, alg_none]}
      api_key: {header: X-API-Key, key: {env: DOCS_KEY}, request: GET /me}
"""
BLOCK = re.compile(r"^( *)```(yaml|toml|json)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)

schema, folder, pages = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
known = set(json.loads(pathlib.Path(schema).read_text())["properties"])
wrong = 0
count = 0


def whole(block, page):
    """The configuration that a block is or is part of, or None."""
    if block.startswith("# config\n"):
        return block
    if block.startswith("# probes\n"):
        return TARGET + "    probes:\n" + "".join(f"      {line}\n" for line in block.splitlines())
    documents = list(yaml.safe_load_all(block))
    keys = set(documents[0]) if len(documents) == 1 and isinstance(documents[0], dict) else set()
    of_chart = re.search(r"^config:\n((?: +.*\n)+)", block, re.MULTILINE)
    if of_chart:
        return textwrap.dedent(of_chart[1])
    if keys and keys <= known:
        return block if "targets" in keys else TARGET + PROBES + block
    if page == "docs/configuration.md":
        raise ValueError("it is no configuration")
    return None


for page in pages:
    text = pathlib.Path(page).read_text()
    for found in BLOCK.finditer(text):
        place = f"{page}:{text.count(chr(10), 0, found.start()) + 2}"
        indent = len(found[1])
        block = "".join(line[indent:] if line.strip() else line for line in found[3].splitlines(keepends=True))
        if found[2] == "json":
            try:
                # One value, or a record a line.
                for part in block.splitlines() if block.count("\n{") else [block]:
                    json.loads(part)
            except ValueError as error:
                print(f"docs: the block at {place}: {error}", file=sys.stderr)
                wrong += 1
            continue
        if found[2] == "toml":
            (folder / "model.toml").write_text(block)
            block = "model: model.toml\n"
        try:
            configuration = whole(block, page)
        except (yaml.YAMLError, ValueError) as error:
            print(f"docs: the block at {place}: {error}", file=sys.stderr)
            wrong += 1
            continue
        if block.startswith("scrape_configs:"):
            (folder / "prometheus.yml").write_text(block)
            scraped = ["promtool", "check", "config", "--syntax-only", str(folder / "prometheus.yml")]
            if shutil.which("promtool") and subprocess.run(scraped, capture_output=True, check=False).returncode != 0:
                print(f"docs: promtool does not take the block at {place}", file=sys.stderr)
                wrong += 1
        if configuration is not None:
            count += 1
            (folder / f"{count:03}.yaml").write_text(f"# {place}\n{configuration}")
sys.exit(1 if wrong else 0)

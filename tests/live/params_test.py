"""Params through the binary: where they come from, exit 2 with one sentence, arguments ignored, the embedded schemas."""
import json
import os
import subprocess
import tempfile

import sampan
from sampan import check

BAD = [   # every kind of mistake; the unit test's table is longer
    ("", "line 1, column 1"), ("{", "line 1"), ("[]", "object"), ("{}", "no target"), ('{"pid": 1, "rates": 1}', '"rate"'),
    ('{"rate": "fast", "pid": 1}', "rate"), ('{"rate": 0, "pid": 1}', "from 1 to 10000"), ('{"rate": 1e999, "pid": 1}', "rate"),
    ('{"seconds": 1.5, "pid": 1}', "seconds"), ('{"pid": -1}', "pid"), ('{"app_name": "x"}', "version_id"),
    ('{"pid": 1, "formats": ["png"]}', "formats"), ('{"pid": 1, "language": "cobol"}', "language"), ('{"pid": 1, "tier": "x"}', "tier"),
    ('{"pid": 1, "upload": {"url": "gopher://x"}}', "upload.url"), ('{"pid": 1, "upload": {"url": "http://x/{nope}"}}', "{nope}"),
    ('{"pid": 1, "upload": {"url": "http://x/", "headers_from_env": {"A": "SAMPAN_NO_SUCH"}}}', "SAMPAN_NO_SUCH"),
    ('{"pid": 1, "formats": ["svg", "folded"], "upload": {"url": "http://x/one"}}', "one object"),
    ('{"a": ' * 100 + "1" + "}" * 100, "deeper"), ('{"cmdline_regex": "["}', "cmdline_regex"),
]


def run(environment=None, arguments=(), **options):
    clean = {k: v for k, v in os.environ.items() if k.lower() not in ("params", "params_file")}
    done = subprocess.run([sampan.BINARY, *arguments], env={**clean, **(environment or {})}, capture_output=True, timeout=30, **options)
    return sampan.Run(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), "/nonexistent")


def bad_inputs():
    for text, says in BAD:
        done = run({"params": text})
        sentence = done.result.get("sentence", "")
        check(done.code == 2 and says in sentence and "\n" not in sentence, "bad: %.50s -> %s" % (text, sentence[:90]))
    done = run({b"params": b'{"app_name": "\xff"}'})
    check(done.code == 2, "not UTF-8: exit %d: %s" % (done.code, done.result.get("sentence")))
    with tempfile.NamedTemporaryFile() as file:
        file.write(b'{"title": "' + b"x" * 10_000_000 + b'"}')
        file.flush()
        done = run({"params_file": file.name})
        check(done.code == 2 and "at most" in done.result["sentence"], "10 MB of JSON: exit %d" % done.code)


def sources():
    good = '{"pid": 4194304}'   # nobody has it: exit 3 shows that the params were read
    check(run({"params": good}).code == 3, "from params")
    check(run({"PARAMS": good}).code == 3, "from PARAMS")
    check(run({"params": good, "PARAMS": "{"}).code == 3, "params wins over PARAMS")
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(good)
        file.flush()
        check(run({"params_file": file.name}).code == 3, "from the file that params_file names")
    done = run({"params_file": "/no/such"})
    check(done.code == 2 and "/no/such" in done.result["sentence"], "a params_file that is not there")
    done = run()
    check(done.code == 2 and "params is missing" in done.result["sentence"], "no params at all: %s" % done.result["sentence"][:60])
    done = run({"params": good}, ["profile_task", "--whatever"])
    check(done.code == 3 and done.err.count("arguments are ignored") == 1, "arguments are ignored with one warning")


def printed(flag):
    return subprocess.run([sampan.BINARY, flag], capture_output=True, text=True, check=True).stdout


def answers():
    check(printed("--version").startswith("sampan "), "--version")
    check("params" in printed("--help"), "--help")
    schema, events = json.loads(printed("--schema")), json.loads(printed("--events-schema"))
    check("app_name" in schema["properties"] and "oneOf" in events, "the schemas are embedded")
    try:
        import jsonschema
    except ImportError:
        return sampan.skip("schemas", "python3-jsonschema is not installed")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator.check_schema(events)
    validator = jsonschema.Draft202012Validator(schema)
    seeds = {"rate": 100, "seconds": 60, "exclude_idle": True, "multi_threads": True, "app_name": "arya-python3", "version_id": 2255}
    check(validator.is_valid(seeds), "the schema takes the seed's params")
    check(not validator.is_valid(dict(seeds, rate=0)) and not validator.is_valid(dict(seeds, x=1)), "and refuses others")


bad_inputs()
sources()
answers()
sampan.finish()

"""A real OpenTelemetry collector (get_otelcol.sh) and an independent reader of what it took: opentelemetry-proto of PyPI."""
import json
import pathlib
import subprocess
import tempfile

import sampan

FOLDER = sampan.CACHE / "otelcol"
PROGRAM = FOLDER / "otelcol-0.165.0"
PYTHON = FOLDER / "proto" / "bin" / "python"


def have():
    for program, what in ((PROGRAM, "an OpenTelemetry collector"), (PYTHON, "opentelemetry-proto")):
        if not program.exists():
            sampan.skip(what, "%s is not there: sh tests/live/get_otelcol.sh" % program)
            return False
    return True


def decoded(path, length_prefixed=False):
    """The profiles of a file, as decode_otlp.py tells them."""
    command = [PYTHON, sampan.ROOT / "tests" / "live" / "decode_otlp.py", path] + (["--prefixed"] if length_prefixed else [])
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("decode_otlp.py: " + done.stderr[-800:])
    return json.loads(done.stdout)


class Collector(sampan.Workload):
    """Its OTLP receiver at `.url`; what it took stands in `.profiles()`."""

    def __init__(self, port=None):
        self.port = port or sampan.free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sampan-otelcol-"))
        self.path = self.directory / "profiles"
        configuration = self.directory / "collector.yaml"
        configuration.write_text(
            'receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:%d"}}}}\n'
            "exporters: {file: {path: %s, format: proto}}\n"
            "service: {pipelines: {profiles: {receivers: [otlp], exporters: [file]}}}\n" % (self.port, self.path))
        super().__init__([PROGRAM, configuration], ready=lambda _: sampan.answers(self.port))

    def profiles(self):
        return decoded(self.path, length_prefixed=True)

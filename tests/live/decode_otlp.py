"""Reads OTLP profiles by opentelemetry-proto, which knows nothing of us: each sample as a folded stack, thread and times.
Runs in that package's own environment: `python decode_otlp.py FILE` prints JSON, a list of profiles."""
import gzip
import json
import sys

from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2 import ExportProfilesServiceRequest


def plain(value, strings=()):
    """A collector may have moved texts into the dictionary."""
    if value.WhichOneof("value") == "string_value_strindex":
        return strings[value.string_value_strindex]
    return getattr(value, value.WhichOneof("value"))


def label(name, file, line):
    """A frame as our folded text has it."""
    place = file + (":%d" % line if line else "")
    return name + (" (%s)" % place if place else "")


class Dictionary:
    def __init__(self, d):
        self.d, self.s = d, d.string_table
        for table in ("mapping", "location", "function", "link", "attribute", "stack"):
            first = getattr(d, table + "_table")[0]
            empty = not first.SerializeToString(deterministic=True).strip(b"\0\x0a\x10\x12\x08")
            assert empty, "the first of %s_table is not the zero value: %s" % (table, first)
        assert self.s[0] == "" and len(set(self.s)) == len(self.s), "string_table"

    def frame(self, index):
        location = self.d.location_table[index]
        assert index and len(location.lines) == 1
        function = self.d.function_table[location.lines[0].function_index]
        assert location.lines[0].function_index
        return label(self.s[function.name_strindex], self.s[function.filename_strindex], location.lines[0].line)

    def type_of(self, index):
        return dict(self.attributes(self.d.location_table[index].attribute_indices)).get("profile.frame.type")

    def attributes(self, indices):
        for index in indices:
            assert index
            a = self.d.attribute_table[index]
            yield self.s[a.key_strindex], plain(a.value, self.s)


def profiles(request):
    dictionary = Dictionary(request.dictionary)
    for resource in request.resource_profiles:
        attributes = {a.key or dictionary.s[a.key_strindex]: plain(a.value, dictionary.s) for a in resource.resource.attributes}
        for scope in resource.scope_profiles:
            for p in scope.profiles:
                samples = []
                for sample in p.samples:
                    stack = list(request.dictionary.stack_table[sample.stack_index].location_indices)
                    times = list(sample.timestamps_unix_nano)
                    assert bool(times) != bool(sample.values), "values or timestamps: one of them"
                    samples.append({"stack": ";".join(dictionary.frame(i) for i in reversed(stack)), "types": sorted({dictionary.type_of(i) or "" for i in stack}),
                                    "value": len(times) if times else sample.values[0], "times": times, **dict(dictionary.attributes(sample.attribute_indices))})
                name = lambda t: [dictionary.s[t.type_strindex], dictionary.s[t.unit_strindex]]
                yield {"resource": attributes, "scope": scope.scope.name, "sample_type": name(p.sample_type), "period_type": name(p.period_type), "period": p.period,
                       "time": p.time_unix_nano, "duration": p.duration_nano, "samples": samples}


def messages(data, prefixed):
    """A file of ours is one gzipped message; the collector's file exporter writes each behind its length."""
    if not prefixed:
        yield gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    while prefixed and data:
        size = int.from_bytes(data[:4], "big")
        yield data[4:4 + size]
        data = data[4 + size:]


if __name__ == "__main__":
    found = []
    for message in messages(open(sys.argv[1], "rb").read(), "--prefixed" in sys.argv):
        request = ExportProfilesServiceRequest()
        assert request.ParseFromString(message) == len(message)
        found += profiles(request)
    json.dump(found, sys.stdout)

# An interpreter as a native program: json's C code below 30 Python calls.
import json


def descend(depth):
    return json.dumps({"a": list(range(50))}) if depth == 0 else descend(depth - 1)


print("ready", flush=True)
while True:
    descend(30)

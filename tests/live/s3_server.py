"""An S3-compatible server that checks signatures: moto's, with one user and one bucket. Usage: s3_server.py PORT"""
import json
import sys
import threading
import time

import boto3
from moto.core.base_backend import BackendDict  # noqa: F401  (fails early where moto is something else)
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

port = int(sys.argv[1])
server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
server.start()
endpoint = "http://127.0.0.1:%d" % port
anyone = {"endpoint_url": endpoint, "region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
iam = boto3.client("iam", **anyone)
iam.create_user(UserName="profiler")
everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
iam.put_user_policy(UserName="profiler", PolicyName="all", PolicyDocument=json.dumps(everything))
key = iam.create_access_key(UserName="profiler")["AccessKey"]
boto3.client("s3", **anyone).create_bucket(Bucket="profiles")
# From here on every request must bear a right signature.
import urllib.request
urllib.request.urlopen(urllib.request.Request(endpoint + "/moto-api/reset-auth", data=b"0", method="POST"))
print(json.dumps({"access": key["AccessKeyId"], "secret": key["SecretAccessKey"]}), flush=True)
print("ready", flush=True)
threading.Event().wait()

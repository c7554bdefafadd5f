"""S3 and DynamoDB as botocore speaks them."""

import http.client
import os
import sys
import urllib.parse

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session

session = get_session()
s3 = session.create_client("s3", config=Config(signature_version="s3v4"))
s3.create_bucket(Bucket="uploads")
large = os.urandom(24 * 1024 * 1024)
s3.put_object(Bucket="uploads", Key="large", Body=large, ChecksumAlgorithm="SHA256")
assert s3.head_object(Bucket="uploads", Key="large")["ContentLength"] == len(large)
assert s3.get_object(Bucket="uploads", Key="large")["Body"].read() == large
with open("/dev/null", "rb") as nothing:
    s3.put_object(Bucket="uploads", Key="dir/empty file", Body=nothing)
assert [item["Key"] for item in s3.list_objects_v2(Bucket="uploads")["Contents"]] == ["dir/empty file", "large"]

tagged = s3.head_object(Bucket="uploads", Key="large")["ETag"]
try:
    s3.get_object(Bucket="uploads", Key="large", IfNoneMatch=tagged)
    raise AssertionError("not a 304")
except ClientError as error:
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 304, error
try:
    s3.head_object(Bucket="uploads", Key="missing")
    raise AssertionError("not a 404")
except ClientError as error:
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404, error
deleted = s3.delete_object(Bucket="uploads", Key="dir/empty file")
assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204

# The engine knows the secret key of functions, which presign uploads.
key, secret, token = sys.argv[1:]
function = session.create_client(
    "s3", aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token,
    config=Config(signature_version="s3v4"),
)
url = urllib.parse.urlsplit(function.generate_presigned_url("get_object", Params={"Bucket": "uploads", "Key": "large"}))
for query, status in [(url.query, 200), (url.query.replace("Signature=", "Signature=0"), 403)]:
    connection = http.client.HTTPConnection(url.netloc)
    connection.request("GET", f"{url.path}?{query}")
    reply = connection.getresponse()
    body = reply.read()
    assert reply.status == status, (reply.status, body[:300])

dynamodb = session.create_client("dynamodb")
for table in ["executions", "locks"]:
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
put = [{"Put": {"TableName": table, "Item": {"id": {"S": "1"}}}} for table in ["executions", "locks"]]
dynamodb.transact_write_items(TransactItems=put)

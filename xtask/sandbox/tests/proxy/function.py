"""Deploys a function with a Function URL by CloudFormation, prints its address and calls it once."""

import io
import json
import sys
import time
import urllib.request
import zipfile

from botocore.session import get_session

BOOTSTRAP = f'''#!{sys.executable}
import json, os, urllib.request
def asked():
    from botocore.session import get_session
    from botocore.exceptions import ClientError
    def refused(call, **arguments):
        try:
            call(**arguments)
        except ClientError as error:
            return error.response["Error"]
    s3 = get_session().create_client("s3")
    s3.list_buckets()
    return [
        refused(s3.get_object, Bucket="code", Key="function.zip"),
        refused(get_session().create_client("dynamodb").scan, TableName="t"),
        refused(s3.get_bucket_location, Bucket="code"),
    ]
refusals = None
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as reply:
        event, request = json.load(reply), reply.headers["lambda-runtime-aws-request-id"]
    # Not before: a start that takes ten seconds is begun anew.
    refusals = refusals or asked()
    headers, http = event["headers"], event["requestContext"]["http"]
    link = "https://" + headers["host"] + "/logs"
    body = event.get("body", "")
    if event["isBase64Encoded"]:
        import base64
        body = base64.b64decode(body).decode()
    seen = dict(method=http["method"], path=event["rawPath"], query=event["rawQueryString"], body=body)
    seen.update(key=headers.get("x-api-key"), link=link, refusals=refusals)
    answer = dict(statusCode=201, headers=dict([("x-made-by", "function"), ("location", link)]), body=json.dumps(seen))
    data = json.dumps(answer).encode()
    urllib.request.urlopen(urllib.request.Request(api + request + "/response", data=data, method="POST"))
'''

packed = io.BytesIO()
with zipfile.ZipFile(packed, "w") as archive:
    info = zipfile.ZipInfo("bootstrap")
    info.external_attr = 0o755 << 16
    archive.writestr(info, BOOTSTRAP)

session = get_session()
s3 = session.create_client("s3")
s3.create_bucket(Bucket="code")
s3.put_object(Bucket="code", Key="function.zip", Body=packed.getvalue())
trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
may = {"Sid": "List", "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
template = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": trust,
                "Policies": [{"PolicyName": "all-it-may", "PolicyDocument": {"Statement": may}}],
            },
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "f", "Runtime": "provided.al2023", "Handler": "f", "Timeout": 300,
                "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Code": {"S3Bucket": "code", "S3Key": "function.zip"},
            },
        },
        "Url": {
            "Type": "AWS::Lambda::Url",
            "Properties": {"AuthType": "NONE", "TargetFunctionArn": {"Fn::GetAtt": ["Function", "Arn"]}},
        },
    },
    "Outputs": {"Url": {"Value": {"Fn::GetAtt": ["Url", "FunctionUrl"]}}},
}
stacks = session.create_client("cloudformation")
stacks.create_stack(StackName="f", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
while (stack := stacks.describe_stacks(StackName="f")["Stacks"][0])["StackStatus"] == "CREATE_IN_PROGRESS":
    time.sleep(0.01)
assert stack["StackStatus"] == "CREATE_COMPLETE", stack
url = stack["Outputs"][0]["OutputValue"]
assert session.create_client("lambda").get_function_url_config(FunctionName="f")["FunctionUrl"] == url
with urllib.request.urlopen(url) as reply:
    assert reply.status == 201
print(url)

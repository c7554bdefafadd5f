"""CloudFormation: what AWS refuses and the engine would let pass."""

import json
import time

from botocore.exceptions import ClientError
from botocore.session import get_session

session = get_session()
stacks = session.create_client("cloudformation")
s3 = session.create_client("s3")


def status(name):
    while True:
        stack = stacks.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            return stack
        time.sleep(0.01)


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["Error"]["Message"]
    raise AssertionError(f"{call} was not refused")


def role(**more):
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    return {"R": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": policy, **more}}}


# Capabilities, in each of the calls, by body and by URL.
unnamed = json.dumps({"Resources": role()})
named = json.dumps({"Resources": role(RoleName="mine")})
refused("InsufficientCapabilitiesException", stacks.create_stack, StackName="iam", TemplateBody=unnamed)
message = refused(
    "InsufficientCapabilitiesException", stacks.create_change_set, StackName="iam", ChangeSetName="c",
    ChangeSetType="CREATE", TemplateBody=named, Capabilities=["CAPABILITY_IAM"],
)
assert message == "Requires capabilities : [CAPABILITY_NAMED_IAM]", message
s3.create_bucket(Bucket="templates")
s3.put_object(Bucket="templates", Key="iam.json", Body=unnamed.encode())
url = f"{s3.meta.endpoint_url}/templates/iam.json"
refused("InsufficientCapabilitiesException", stacks.create_stack, StackName="iam", TemplateURL=url)
stacks.create_stack(StackName="iam", TemplateURL=url, Capabilities=["CAPABILITY_IAM"])
assert status("iam")["StackStatus"] == "CREATE_COMPLETE"
refused("InsufficientCapabilitiesException", stacks.update_stack, StackName="iam", UsePreviousTemplate=True)

# A bucket that holds objects survives its stack, and the stack says why.
buckets = {name: {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name.lower()}} for name in ["Full", "Kept"]}
buckets["Kept"]["DeletionPolicy"] = "Retain"
body = json.dumps({"Resources": buckets, "Outputs": {"Name": {"Value": {"Ref": "Full"}}}})
stacks.create_stack(StackName="data", TemplateBody=body)
stack_id = status("data")["StackId"]
s3.put_object(Bucket="full", Key="precious", Body=b"1")
s3.put_object(Bucket="kept", Key="precious", Body=b"1")
stacks.delete_stack(StackName="data")
failed = status("data")
assert failed["StackStatus"] == "DELETE_FAILED" and "[Full]" in failed["StackStatusReason"], failed
assert status(stack_id)["StackStatus"] == "DELETE_FAILED"
events = stacks.describe_stack_events(StackName="data")["StackEvents"]
seen = [(event["LogicalResourceId"], event["ResourceStatus"]) for event in events[:4]]
assert seen == [
    ("data", "DELETE_FAILED"), ("Full", "DELETE_FAILED"), ("Full", "DELETE_IN_PROGRESS"), ("data", "DELETE_IN_PROGRESS"),
], seen
assert "not empty" in events[1]["ResourceStatusReason"]
assert len({event["EventId"] for event in events}) == len(events)
resources = stacks.describe_stack_resources(StackName="data")["StackResources"]
assert {item["LogicalResourceId"]: item["ResourceStatus"] for item in resources}["Full"] == "DELETE_FAILED"
refused("ValidationError", stacks.update_stack, StackName="data", TemplateBody=body)
assert s3.get_object(Bucket="full", Key="precious")["Body"].read() == b"1"

# Once it is empty, deleting again works; what is to be retained is no obstacle.
s3.delete_object(Bucket="full", Key="precious")
stacks.delete_stack(StackName="data")
assert status(stack_id)["StackStatus"] == "DELETE_COMPLETE"
assert s3.get_object(Bucket="kept", Key="precious")["Body"].read() == b"1"

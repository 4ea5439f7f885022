"""A server of the Model Context Protocol for tests: mcp_server.py ERA, where ERA is modern, legacy, silent (of old, says nothing to
what it does not know) or quits (of old, ends at what it does not know). Works in its current directory:
calls.txt gets a line for each call; the file description, if there is one, is the description of `echo`."""
import json
import os
import signal
import sys

ERA = sys.argv[1]
TOOLS = ["echo", "note", "crash", "hang", "garbage", "ask", "pwd", "environment"]
initialized = ERA == "modern"


def say(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(request, result):
    say({"id": request["id"], "result": result})


def refuse(request, code, message):
    say({"id": request["id"], "error": {"code": code, "message": message}})


def text(words):
    return {"content": [{"type": "text", "text": words}]}


def hear():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


def description(tool):
    if tool == "echo" and os.path.exists("description"):
        return open("description").read()
    return "Does " + tool + "."


def listed(params):
    """A tool to each page."""
    at = int(params.get("cursor", "0"))
    tool = {"name": TOOLS[at], "description": description(TOOLS[at]), "annotations": {"readOnlyHint": True},
            "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}
    page = {"tools": [tool], "ttlMs": 0}
    if at + 1 < len(TOOLS):
        page["nextCursor"] = str(at + 1)
    return page


FORM = {"message": "How many?", "requestedSchema": {
    "type": "object", "required": ["count"], "properties": {"count": {"type": "integer", "title": "Count"}}}}


def ask_modern(request, params):
    if params.get("requestState") == "half way":
        return answer(request, text("answered " + json.dumps(params["inputResponses"]["k"], sort_keys=True)))
    answer(request, {"resultType": "input_required", "requestState": "half way",
                     "inputRequests": {"k": {"method": "elicitation/create", "params": FORM}}})


def ask_legacy(request):
    say({"id": "q", "method": "elicitation/create", "params": FORM})
    while True:
        message = hear()
        if message.get("id") == "q":
            return answer(request, text("answered " + json.dumps(message["result"], sort_keys=True)))


def call(request):
    params = request["params"]
    tool = params["name"]
    with open("calls.txt", "a") as calls:
        calls.write(tool + "\n")
    if tool == "echo":
        answer(request, text(params["arguments"].get("text", "")))
    elif tool == "note":
        say({"method": "notifications/progress",
             "params": {"progressToken": params.get("_meta", {}).get("progressToken"), "progress": 1, "message": "noting"}})
        answer(request, {**text("no room"), "isError": True})
    elif tool == "crash":
        print("about to crash", file=sys.stderr)
        sys.exit(3)
    elif tool == "hang":
        for line in sys.stdin:
            with open("calls.txt", "a") as calls:
                calls.write("heard " + json.loads(line)["method"] + "\n")
        signal.pause()  # nor does it end with its input
    elif tool == "garbage":
        print("this is no JSON")
        say({"id": 987654, "result": {}})
        answer(request, text("after garbage"))
        answer(request, text("twice"))
    elif tool == "ask":
        ask_modern(request, params) if ERA == "modern" else ask_legacy(request)
    elif tool == "pwd":
        answer(request, text(os.getcwd()))
    elif tool == "environment":
        answer(request, text(" ".join(sorted(os.environ))))
    else:
        refuse(request, -32602, "no tool " + tool)


while True:
    message = hear()
    method = message.get("method")
    if "id" not in message or method is None:
        continue
    if ERA == "modern" and method == "server/discover":
        answer(message, {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}})
    elif ERA != "modern" and method == "initialize":
        initialized = True
        answer(message, {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "t"}})
    elif not initialized and ERA == "silent":
        pass
    elif not initialized and ERA == "quits":
        sys.exit(1)
    elif method == "tools/list":
        answer(message, listed(message["params"]))
    elif method == "tools/call":
        call(message)
    else:
        refuse(message, -32601, "no method " + method)

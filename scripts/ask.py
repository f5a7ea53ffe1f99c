"""Asks a worker one question over HTTP and shows the words as they arrive.

usage: ask.py URL PROMPT CURL_FILE    An empty PROMPT takes the default. Writes to CURL_FILE a curl line to go on with.
Sends `messages` when /health says that the model can chat, else `prompt`. Greedy, so that two runs say the same.
"""

import json
import shlex
import sys
import urllib.error
import urllib.request


def events(response):
    """The JSON objects of a server-sent event stream."""
    for line in response:
        if line.startswith(b"data:"):
            yield json.loads(line[5:])


def main() -> int:
    url, prompt, curl_file = sys.argv[1:4]
    health = json.load(urllib.request.urlopen(url + "/health", timeout=10))
    body = {"job_id": "first", "temperature": 0}
    if health["chat"]:
        body["messages"] = [{"role": "user", "content": prompt or "Write a haiku about GPU computing"}]
    else:
        body.update(prompt=prompt or "Once upon a time", max_tokens=min(200, health["context_length"] // 2))
    data = json.dumps(body, ensure_ascii=False)
    request = urllib.request.Request(url + "/execute", data.encode(), {"Content-Type": "application/json"})
    with open(curl_file, "w", encoding="utf-8") as file:
        file.write(f"curl -N {url}/execute -H 'Content-Type: application/json' -d {shlex.quote(data)}\n")
    print()
    if "prompt" in body:
        print(body["prompt"], end="", flush=True)
    try:
        response = urllib.request.urlopen(request, timeout=300)
    except urllib.error.HTTPError as error:
        print(f"error: {error.code}: {error.read().decode(errors='replace')}", file=sys.stderr)
        return 1
    for event in events(response):
        if event["type"] == "token":
            print(event["t"], end="", flush=True)
        elif event["type"] == "end":
            print(f"\n\n({event['tokens_out']} tokens, {event['tokens_per_sec']:.0f} per second, {event['stop_reason']})")
            return 0
        elif event["type"] == "error":
            print(f"\nerror: {event['message']}", file=sys.stderr)
            return 1
    print("\nerror: the stream ended without its end event", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

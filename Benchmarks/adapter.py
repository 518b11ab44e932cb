"""The usual adapter between Alertmanager and Rocket.Chat, for comparison: Flask under gunicorn. It posts one message for
each alert before it answers, and stores nothing.

    ADAPTER_HOOK=http://127.0.0.1:8094/hooks/bench/bench gunicorn -w 4 -b 127.0.0.1:8097 adapter:app
"""

import os

import requests
from flask import Flask, jsonify, request

app = Flask(__name__)
hook = os.environ["ADAPTER_HOOK"]
session = requests.Session()
colors = {"critical": "#d63232", "warning": "#f5a623", "info": "#2f7ed8"}


def message(alert):
    labels = alert.get("labels", {})
    annotations = alert.get("annotations", {})
    severity = labels.get("severity", "info")
    title = f"[{alert.get('status', 'firing').upper()}] {labels.get('alertname', 'alert')}"
    fields = [{"title": name, "value": value, "short": True} for name, value in sorted(labels.items())]
    return {
        "text": f"*{title}*",
        "attachments": [
            {
                "color": colors.get(severity, "#888888"),
                "title": annotations.get("summary", title),
                "text": annotations.get("description", ""),
                "fields": fields,
            }
        ],
    }


@app.route("/health")
def health():
    return jsonify(status="healthy")


@app.route("/webhook", methods=["POST"])
def webhook():
    alerts = request.get_json(force=True)["alerts"]
    for alert in alerts:
        answer = session.post(hook, json=message(alert), timeout=10)
        answer.raise_for_status()
    return jsonify(status="ok", processed=len(alerts))

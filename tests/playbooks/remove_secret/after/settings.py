import os

URL = "https://notify.example.invalid/send"
TOKEN = os.environ.get("NOTIFY_TOKEN", "")

# Watches one flag with the real UnleashClient in its streaming mode: prints what it is and
# the time in milliseconds whenever that changes.
import sys
import time

from UnleashClient import UnleashClient
from UnleashClient.events import UnleashEventType

url, token, flag, cache = sys.argv[1:]
ready = []
unleash = UnleashClient(
    url=url + "/api", app_name="e2e-stream", custom_headers={"Authorization": token}, disable_metrics=True,
    cache_directory=cache, experimental_mode={"type": "streaming"},
    event_callback=lambda event: event.event_type == UnleashEventType.READY and ready.append(event))
unleash.initialize_client()
last = None
while True:
    time.sleep(0.005)
    now = bool(ready) and unleash.is_enabled(flag)
    if ready and now != last:
        last = now
        print("on" if now else "off", int(time.time() * 1000), flush=True)

"""What any host's own Python can import: a client of Dubwright's local render service.

Standard library only, Python 3.9 and newer.

    from dubwright_plugin import connect
    service = connect()
    job = service.submit("animate", {"text": "Hello.", "language": "en", "output": "/shots/line"})
    for state in service.follow(job):
        print(state["label"])
"""

from dubwright_plugin.client import JobFailed, Service, ServiceError, connect, running_service
from dubwright_plugin.runtime import runtime_file

__all__ = ["JobFailed", "Service", "ServiceError", "connect", "running_service", "runtime_file"]

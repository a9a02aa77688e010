"""The live page of Airflow's UI: what readers see now, how the newest night goes, what was before.

`facts` asks the database, as the reader, and writes nothing; `view` turns the answers into a page
of the run report's parts (`run_report/blocks`), which `run_report/page` draws.
"""

from recsys_tasks.monitoring.tonight.facts import Asked, read_live
from recsys_tasks.monitoring.tonight.view import live_page

__all__ = ["Asked", "live_page", "read_live"]

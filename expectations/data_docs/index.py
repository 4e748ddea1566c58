"""The index of the Data Docs, without what its lines are not made of.

Importing this module imports Great Expectations, which takes seconds: import it where it is used.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from great_expectations.render.renderer.site_builder import DefaultSiteIndexBuilder


class IndexBuilder(DefaultSiteIndexBuilder):  # type: ignore[misc]
    """Lists the pages of suites that are there, and those of the runs that are kept, newest first.

    Great Expectations' own makes objects of every check of every result that is kept, for the one
    word whether it passed; and it removes the pages of suites that this gate does not know.
    """

    def _add_expectations_to_index_links(self, index_links_dict: Any, _: bool) -> None:
        super()._add_expectations_to_index_links(index_links_dict, skip_and_clean_missing=False)

    def _add_validations_to_index_links(self, index_links_dict: Any, keys: Sequence[Any]) -> None:
        store = self.data_context.validation_results_store
        for key in sorted(keys, key=lambda key: key.run_id.run_time, reverse=True):
            result = json.loads(store.store_backend.get(store.key_to_tuple(key)))
            suite = key.expectation_suite_identifier.name
            self.add_resource_info_to_index_links_dict(
                index_links_dict=index_links_dict,
                expectation_suite_name=suite,
                section_name="validations",
                batch_identifier=key.batch_identifier,
                run_id=key.run_id,
                validation_success=result["success"],
                run_time=key.run_id.run_time,
                run_name=key.run_id.run_name,
                asset_name=suite,
                batch_kwargs={},
                batch_spec={},
            )

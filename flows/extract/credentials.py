"""Find the credentials of an object store: the environment's usual chain, or a Prefect block.

The libraries that know these chains take up to a second to import: each only where it is asked.
"""

from __future__ import annotations

import json
from typing import Any

from flows.errors import ConfigurationError
from flows.sources import Storage

_GOOGLE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"


def block_of(storage: Storage) -> dict[str, str]:
    """What the Prefect Secret block named by ``credentials`` holds; nothing without one.

    A block holds a JSON object, or one text, which counts as ``{"value": text}``. Raises
    ConfigurationError when the block cannot be loaded.
    """
    if not storage.credentials:
        return {}
    from prefect.blocks.system import Secret

    name = storage.credentials.removeprefix("secret/")
    try:
        block: Any = Secret.load(name)
        value = block.get()
    except Exception as error:  # Prefect raises what its client raises
        raise ConfigurationError(
            f"storage.credentials: cannot load the Prefect block {storage.credentials}: "
            f"{type(error).__name__}. Create it with `prefect block create secret`, and see "
            "that PREFECT_API_URL points to the server that has it."
        ) from None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = {"value": value}
    if not isinstance(value, dict):
        return {"value": str(value)}
    return {str(key): str(told) for key, told in value.items()}


def aws(storage: Storage) -> dict[str, str]:
    """``access_key_id``, ``secret_access_key``, ``session_token`` (if any) and ``region``.

    Of the block, else of boto3's chain: variables, profiles, single sign-on, roles. Raises
    ConfigurationError when there are none.
    """
    import boto3

    session = boto3.session.Session()
    region = storage.region or session.region_name or "us-east-1"
    if storage.anonymous:
        return {"region": region}
    told = block_of(storage)
    if told:
        if missing := [k for k in ("access_key_id", "secret_access_key") if k not in told]:
            raise ConfigurationError(
                f"storage.credentials: the block {storage.credentials} lacks "
                f"{', '.join(missing)}. It holds a JSON object with access_key_id, "
                "secret_access_key and, for temporary ones, session_token."
            )
        return {"region": region} | told
    found = session.get_credentials()
    if found is None:
        raise ConfigurationError(
            "no AWS credentials were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or "
            "AWS_PROFILE, give storage.credentials: secret/NAME of a Prefect block, or, for a "
            "public bucket, storage.anonymous: true."
        )
    frozen = found.get_frozen_credentials()
    credentials = {
        "region": region,
        "access_key_id": str(frozen.access_key),
        "secret_access_key": str(frozen.secret_key),
    }
    return credentials | ({"session_token": frozen.token} if frozen.token else {})


def google_token(storage: Storage) -> str | None:
    """An access token for Google Cloud Storage; None for a public bucket.

    Of the service account in the block, else of Google's application default credentials. Raises
    ConfigurationError when there are none.
    """
    if storage.anonymous:
        return None
    import google.auth
    import google.auth.exceptions
    import google.auth.transport.requests
    from google.oauth2 import service_account

    told = block_of(storage)
    try:
        if told:
            found = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
                told, scopes=[_GOOGLE_SCOPE]
            )
        else:
            found, _ = google.auth.default(scopes=[_GOOGLE_SCOPE])
        found.refresh(google.auth.transport.requests.Request())
    except (google.auth.exceptions.GoogleAuthError, ValueError) as error:
        raise ConfigurationError(
            f"no Google credentials that work were found ({type(error).__name__}). Set "
            "GOOGLE_APPLICATION_CREDENTIALS, run `gcloud auth application-default login`, or give "
            "storage.credentials: secret/NAME of a Prefect block with a service account's JSON."
        ) from None
    return str(found.token)

"""What lies ahead: fits, forecasts and verdicts, computed from what the marts have counted."""

"""Longhaul's agent: starts the ranks of one node, reports what they do, obeys the service. Standard library only."""

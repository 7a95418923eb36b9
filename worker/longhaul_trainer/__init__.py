"""Longhaul's reference trainer: a GPT in PyTorch with Megatron-LM's argument names and log lines."""

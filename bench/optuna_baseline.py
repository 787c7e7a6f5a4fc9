"""Optuna's samplers, asked by search_bench over a pipe: optuna_baseline.py SAMPLER SEED N_OBJECTIVES N_CHOICES...

Prints the choices of a proposal, one per dimension; reads its scores, or "failed"; and so on until the input ends.
Debian: python3-optuna 3.1.
"""
import sys

import optuna
from optuna.distributions import IntDistribution

optuna.logging.set_verbosity(optuna.logging.ERROR)
name, seed, n_objectives = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
space = {f"x{i}": IntDistribution(0, int(n) - 1) for i, n in enumerate(sys.argv[4:])}
samplers = {"tpe": optuna.samplers.TPESampler, "nsga2": optuna.samplers.NSGAIISampler}
study = optuna.create_study(directions=["minimize"] * n_objectives, sampler=samplers[name](seed=seed))
while True:
    trial = study.ask(space)
    print(*(trial.params[key] for key in space), flush=True)
    line = sys.stdin.readline()
    if not line:
        break
    if line.strip() == "failed":
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(trial, [float(score) for score in line.split()])

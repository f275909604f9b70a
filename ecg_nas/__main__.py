"""``python -m ecg_nas``: the command line where its script is not on the path."""

from ecg_nas.cli import main

if __name__ == "__main__":
    main()

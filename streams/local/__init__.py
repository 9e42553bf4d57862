"""One launcher for Kafka, Triton and PostgreSQL on this machine, without containers.

    layout      where everything lies
    processes   who is ours in /proc, and how it is ended
    state       what was started, its ports and passwords; survives the launcher
    programs    Java, Maven, the wheels: found or asked for in one line
    kafka, triton, postgres   how each part is prepared, started, checked and swept
    readiness   the real checks: a record, an inference, a query
    launcher    up, down, status

Linux only: ownership is read from /proc.
"""

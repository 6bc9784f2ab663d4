// Command brazier-agent profiles every process of a machine and sends the profiles to a Brazier server.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"brazier.dev/agent/internal/config"
)

// version is set by the build.
var version = "dev"

func main() { os.Exit(run(os.Args[1:])) }

// run gives the exit code: 0 after a graceful stop, 1 when the machine or the server's address does not allow to run, 2 when the
// settings are wrong.
func run(args []string) int {
	settings, err := config.Read(args, os.LookupEnv, os.Stdout)
	switch {
	case errors.Is(err, config.ErrHelp):
		return 0
	case errors.Is(err, config.ErrVersion):
		fmt.Println("brazier-agent", version)
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	level, err := settings.Level()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := profile(ctx, settings, log); err != nil {
		log.Error("the agent cannot go on", "error", err.Error())
		return 1
	}
	return 0
}

package receiver

import (
	"embed"
	"regexp"
)

//go:embed hosts
var hosts embed.FS

// Host is the program that a snippet runs in: a server that gives it requests,
// and the names that it takes for granted. The hosts are in the folder of that
// name.
type Host struct {
	// Runtime is the command: node, python3 or php.
	Runtime string
	// Provides tells what the host does for the snippet.
	Provides string

	// snippet is the name of the file that the snippet is written to.
	snippet string
	args    []string
	// noise matches what the runtime prints by itself.
	noise *regexp.Regexp
}

// The hosts.
var (
	NodeStatements = Host{
		Runtime:  "node",
		Provides: "a server that runs the statements for each request, with req, crypto, secret and payload (the body) defined",
		snippet:  "snippet.js",
		args:     []string{"statements.mjs", "snippet.js"},
	}
	NodeExpress = Host{
		Runtime:  "node",
		Provides: "app of an Express stand-in (post, req.headers, req.body parsed, res.status, res.send, res.sendStatus), processEvent",
		snippet:  "snippet.mjs",
		args:     []string{"express.mjs", "snippet.mjs"},
	}
	PythonStatements = Host{
		Runtime:  "python3",
		Provides: "a server that runs the statements for each request, with secret and payload (the body) defined; a flask stand-in",
		snippet:  "snippet.py",
		args:     []string{"-B", "statements.py", "snippet.py"},
	}
	PythonFlask = Host{
		Runtime:  "python3",
		Provides: "a flask stand-in (Flask, route, request, jsonify) and the server that the application is not started with",
		snippet:  "snippet.py",
		args:     []string{"-B", "application.py", "snippet.py"},
	}
	PHPStatements = Host{
		Runtime:  "php",
		Provides: "PHP's built-in server, with $request, $secret and $payload (the body) defined",
		snippet:  "snippet.php",
		args:     []string{"-n", "serve.php", "statements.php"},
		noise:    phpNoise,
	}
	PHPScript = Host{
		Runtime:  "php",
		Provides: "PHP's built-in server",
		snippet:  "snippet.php",
		args:     []string{"-n", "serve.php", "snippet.php"},
		noise:    phpNoise,
	}
)

var phpNoise = regexp.MustCompile(`^127\.0\.0\.1:\d+ (Accepted|Closing|\[\d+\]: POST .*)$|Development Server`)

# Prints the statement coverage of each package, and of all, from a coverage profile in which several test binaries have
# counted the same statements.
NR > 1 {
	split($1, place, ":")
	statements[$1] = $2
	package[$1] = place[1]
	sub(/\/[^\/]*$/, "", package[$1])
	if ($3 > 0) hit[$1] = 1
}
END {
	for (block in statements) {
		all[package[block]] += statements[block]
		total += statements[block]
		if (block in hit) {
			covered[package[block]] += statements[block]
			done += statements[block]
		}
	}
	for (p in all) printf "%5.1f%%  %s\n", 100 * covered[p] / all[p], p | "sort -k 2"
	close("sort -k 2")
	if (total > 0) printf "%5.1f%%  in total\n", 100 * done / total
}

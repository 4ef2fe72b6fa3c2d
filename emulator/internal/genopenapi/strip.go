package main

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// strip takes away what no request and no response is checked against: texts,
// examples, the headers of responses, what errors look like, and that no further
// members are welcome, which httpapi says itself with the names of those that came.
// named says that the members' names were chosen by the document, as those of
// properties are: they mean nothing here.
func strip(n *yaml.Node, named bool) {
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			strip(item, false)
		}
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	keep(n, func(name string, value *yaml.Node) bool {
		if !named && idle(name, value) {
			return false
		}
		chosen := false
		switch name {
		case "properties", "responses", "paths", "schemas", "parameters", "requestBodies", "content", "securitySchemes":
			chosen = !named
		}
		if chosen && name == "responses" {
			keep(value, func(status string, _ *yaml.Node) bool { return !ofError(status) })
		}
		strip(value, chosen)
		return true
	})
}

// idle tells whether nothing is checked against a member.
func idle(name string, value *yaml.Node) bool {
	switch name {
	case "description", "summary", "example", "examples", "headers", "tags", "x-rules", "x-codes", "x-events", "callbacks":
		return true
	case "additionalProperties":
		return value.Kind == yaml.ScalarNode && value.Value == "false"
	}
	return false
}

// ofError tells the responses of an operation that are no success. Those among the
// components have other names. A 302 is the success of an operation for browsers.
func ofError(status string) bool {
	return status == "default" || status != "302" && len(status) == 3 && strings.Contains("1345", status[:1]) && strings.Trim(status[1:], "0123456789X") == ""
}

// hush takes away what answers look like, and leaves their statuses and their types
// of media.
func hush(document *yaml.Node) {
	blank := func(responses *yaml.Node) {
		each(responses, func(_ string, response *yaml.Node) {
			each(response, func(name string, content *yaml.Node) {
				if name == "content" {
					each(content, func(_ string, media *yaml.Node) {
						keep(media, func(name string, _ *yaml.Node) bool { return name != "schema" })
					})
				}
			})
		})
	}
	each(document, func(section string, value *yaml.Node) {
		each(value, func(_ string, item *yaml.Node) {
			each(item, func(_ string, operation *yaml.Node) {
				each(operation, func(name string, responses *yaml.Node) {
					if section == "paths" && name == "responses" {
						blank(responses)
					}
				})
			})
		})
		each(value, func(kind string, members *yaml.Node) {
			if section == "components" && kind == "responses" {
				blank(members)
			}
		})
	})
}

// prune takes away the components that nothing refers to any more.
func prune(document *yaml.Node) {
	components := map[string]*yaml.Node{}
	var sections *yaml.Node
	used := map[string]bool{}
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		for i, inner := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "$ref" {
				if to := inner.Value; !used[to] {
					used[to] = true
					if component := components[to]; component != nil {
						visit(component)
					}
				}
			}
			if inner != sections {
				visit(inner)
			}
		}
	}
	each(document, func(name string, value *yaml.Node) {
		if name == "components" {
			sections = value
		}
	})
	if sections == nil {
		return
	}
	each(sections, func(section string, members *yaml.Node) {
		each(members, func(name string, value *yaml.Node) { components["#/components/"+section+"/"+name] = value })
	})
	visit(document)
	keep(sections, func(section string, members *yaml.Node) bool {
		if section == "securitySchemes" { // they are named without $ref
			return true
		}
		keep(members, func(name string, _ *yaml.Node) bool { return used["#/components/"+section+"/"+name] })
		return len(members.Content) > 0
	})
}

// each visits the members of a mapping.
func each(n *yaml.Node, visit func(name string, value *yaml.Node)) {
	keep(n, func(name string, value *yaml.Node) bool {
		visit(name, value)
		return true
	})
}

// keep leaves in a mapping the members that are wanted.
func keep(n *yaml.Node, wanted func(name string, value *yaml.Node) bool) {
	if n.Kind != yaml.MappingNode {
		return
	}
	var kept []*yaml.Node
	for i := 0; i < len(n.Content); i += 2 {
		if wanted(n.Content[i].Value, n.Content[i+1]) {
			kept = append(kept, n.Content[i], n.Content[i+1])
		}
	}
	n.Content = kept
}

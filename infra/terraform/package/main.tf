# Does what `sam package` does: maps files to objects, and rewrites the template to refer to them. It needs no provider, so it can be tested
# without an account.

variable "release" {
  type        = string
  description = "Folder of an unpacked release (dist/)."
}

variable "architecture" {
  type        = string
  description = "Processor of the functions: arm64 or x86_64."
}

variable "bucket" {
  type        = string
  description = "Bucket of the objects."
}

variable "bucket_url" {
  type        = string
  description = "URL of that bucket, without a slash at its end."
}

variable "prefix" {
  type        = string
  description = "What the keys begin with."
}

locals {
  code   = fileset(var.release, "functions-${var.architecture}/*.zip")
  nested = fileset(var.release, "infra/*.yaml")
  # Content hashes in the keys, so that changed code updates the stack.
  keys = { for file in setunion(local.code, local.nested) :
    file => "${var.prefix}${filesha256("${var.release}/${file}")}/${basename(file)}"
  }
  lines = [for line in split("\n", file("${var.release}/template-${var.architecture}.yaml")) :
    try(regex("^(?P<before> +(?:CodeUri|TemplateURL): )(?P<file>\\S+)$", line), { before = line, file = null })
  ]
  # Fails if the release lacks a file.
  template = join("\n", [for line in local.lines :
    line.file == null ? line.before
    : endswith(line.file, ".zip") ? "${line.before}s3://${var.bucket}/${local.keys[line.file]}"
    : "${line.before}${var.bucket_url}/${local.keys[line.file]}"
  ])
  named = toset(compact(local.lines[*].file))
}

output "objects" {
  value       = { for file in local.named : local.keys[file] => "${var.release}/${file}" }
  description = "Files by the keys of their objects."
}

output "template" {
  value       = local.template
  description = "The template."
}

output "template_key" {
  value       = "${var.prefix}${sha256(local.template)}/template.yaml"
  description = "Key of its object."
}

# What `sam package` does, without SAM: which file becomes which object, and the template that names them. No provider is used, so that
# it can be tried without an account.

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
  # Named by their content: a change is a new object, and so an update of the stack.
  keys = { for file in setunion(local.code, local.nested) :
    file => "${var.prefix}${filesha256("${var.release}/${file}")}/${basename(file)}"
  }
  places = [for line in split("\n", file("${var.release}/template-${var.architecture}.yaml")) :
    try(merge(regex("^(?P<before> +(?:CodeUri|TemplateURL): )(?P<file>\\S+)$", line)), { before = line, file = null })
  ]
  # A file that the release does not have is an error here.
  template = join("\n", [for place in local.places :
    place.file == null ? place.before
    : endswith(place.file, ".zip") ? "${place.before}s3://${var.bucket}/${local.keys[place.file]}"
    : "${place.before}${var.bucket_url}/${local.keys[place.file]}"
  ])
  named = toset(compact(local.places[*].file))
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

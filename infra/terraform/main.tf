# Deploys a release of Arauto as a CloudFormation stack. variables.tf and outputs.tf are made from the template of the release.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

variable "name" {
  type        = string
  description = "Name of the stack."
}

variable "release" {
  type        = string
  default     = null
  description = "Folder of an unpacked release; by default the parent folder of this module."
}

variable "architecture" {
  type        = string
  default     = "arm64"
  description = "Processor of the functions: arm64 or x86_64."
  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Must be arm64 or x86_64."
  }
}

variable "bucket" {
  type        = string
  description = "Name of a bucket, in the region of the stack, for code and templates."
}

variable "prefix" {
  type        = string
  default     = "arauto/"
  description = "What the keys of their objects begin with; the name of the stack comes next."
}

variable "iam_role_arn" {
  type        = string
  default     = null
  description = "Role that CloudFormation deploys with: ServiceRoleArn of infra/access.yaml. Without one, the rights of the caller."
}

variable "stack_policy" {
  type        = bool
  default     = true
  description = "Whether infra/stack-policy.json keeps updates from replacing or deleting what must stay."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of the stack and of its resources."
}

data "aws_s3_bucket" "release" {
  bucket = var.bucket
}

locals {
  release = coalesce(var.release, "${path.module}/..")
}

module "package" {
  source = "./package"

  release      = local.release
  architecture = var.architecture
  bucket       = var.bucket
  bucket_url   = "https://${data.aws_s3_bucket.release.bucket_regional_domain_name}"
  # Destroying a stack must not take another's objects.
  prefix = "${var.prefix}${var.name}/"
}

resource "aws_s3_object" "files" {
  for_each = module.package.objects

  bucket = var.bucket
  key    = each.key
  source = each.value

  # Until the stack is updated, it refers to the objects of the release before.
  lifecycle { create_before_destroy = true }
}

resource "aws_s3_object" "template" {
  bucket  = var.bucket
  key     = module.package.template_key
  content = module.package.template

  lifecycle { create_before_destroy = true }
}

resource "aws_cloudformation_stack" "arauto" {
  name         = var.name
  template_url = "https://${data.aws_s3_bucket.release.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  # For the functions' roles, and for the SAM transform.
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
  parameters   = { for name, value in local.given : name => value if value != null }
  policy_body  = var.stack_policy ? file("${local.release}/infra/stack-policy.json") : null
  iam_role_arn = var.iam_role_arn
  tags         = var.tags

  # By default 30 minutes. A function changes in steps, and each minute of them is watched.
  timeouts {
    create = "90m"
    update = "90m"
    delete = "90m"
  }

  depends_on = [aws_s3_object.files]
}

//! A stack on MiniStack with our tables and with a function that nobody calls: what adapters and commands ask of AWS.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;
use devkit::stack::{Code, Options, Progress, Stack};
use tempfile::TempDir;

/// The tables, with keys as in `template.yaml`. The local stack wants a function.
const TABLES: &str = "
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Resources:
  DispatchFunction:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties:
        Binary: idle
    Properties:
      CodeUri: .
      Handler: bootstrap
      Runtime: provided.al2023
  LedgerTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - { AttributeName: partition, AttributeType: S }
        - { AttributeName: notification, AttributeType: S }
      KeySchema:
        - { AttributeName: partition, KeyType: HASH }
        - { AttributeName: notification, KeyType: RANGE }
  ReceiversTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: client_id, AttributeType: S }]
      KeySchema: [{ AttributeName: client_id, KeyType: HASH }]
  DirectoryTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: name, AttributeType: S }]
      KeySchema: [{ AttributeName: name, KeyType: HASH }]
";

/// A stack that ends with this value.
#[derive(Debug)]
pub struct IdleStack {
    stack: Stack,
    _folder: TempDir,
}

impl IdleStack {
    /// Starts it with these resources and outputs besides, in YAML.
    pub async fn start(more: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let template = folder.path().join("template.yaml");
        fs::write(&template, format!("{TABLES}{more}"))?;
        let program = folder.path().join("idle");
        fs::write(&program, "#!/bin/sh\n")?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        let mut options = Options::new(folder.path().join("state"));
        (options.template, options.progress) = (Some(template), Progress::quiet());
        options.code = Code::Folder(folder.path().to_owned());
        Ok(Self { stack: Stack::start(&options).await?, _folder: folder })
    }

    /// Stops it, and says whether that went well.
    pub async fn stop(self) -> Result<()> {
        self.stack.stop().await
    }
}

impl Deref for IdleStack {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        &self.stack
    }
}

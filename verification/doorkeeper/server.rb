# Doorkeeper as its generator sets it up, with a protected API beside it.
#
#     server.rb PORT DIRECTORY '{"redirect_uri": …, "clients": […], "user": …, "password": …}'
#
# Nothing of Doorkeeper is changed. `/verification/…` lets the script that drives it turn the clock of tokens.
ENV["RAILS_ENV"] = "production"
require "action_controller/railtie"
require "active_record/railtie"
require "doorkeeper"
require "json"
require "rack/handler/puma"

port, directory, given = ARGV[0].to_i, ARGV[1], JSON.parse(ARGV[2])

class Site < Rails::Application
  config.root = ARGV[1]
  config.secret_key_base = "only-for-this-run" * 4
  config.eager_load = false
  config.session_store :cookie_store, key: "site", same_site: :lax
  config.logger = Logger.new($stderr)
  config.log_level = :warn
  config.middleware.insert_before 0, Rack::CommonLogger, $stderr
end

# One connection, for which threads queue: SQLite's driver waits for a lock with the whole process standing still.
ENV["DATABASE_URL"] = "sqlite3:#{directory}/db.sqlite3?pool=1&checkout_timeout=60"

Doorkeeper.configure do
  orm :active_record
  resource_owner_authenticator do
    User.find_by(id: session[:user_id]) || redirect_to("/sign_in?#{{ back: request.fullpath }.to_query}")
  end
  default_scopes "files.general.read"
  optional_scopes "sign_tasks.general.read", "sign_tasks.general.write"
  grant_flows %w[authorization_code client_credentials]
  use_refresh_token
  force_ssl_in_redirect_uri false
  access_token_expires_in 172_800
  custom_access_token_expires_in { |_context| $lifetime }
end

class User < ActiveRecord::Base
end

class SignInController < ActionController::Base
  def new
    render inline: "<%= form_tag '/sign_in' do %><%= hidden_field_tag :back, params[:back] %><%= text_field_tag :user %><%= password_field_tag :password %><%= submit_tag %><% end %>"
  end

  def create
    user = User.find_by(name: params[:user], password: params[:password])
    return head :forbidden unless user
    session[:user_id] = user.id
    redirect_to params[:back]
  end
end

class MembersController < ActionController::API
  before_action { doorkeeper_authorize!(*Doorkeeper.config.scopes) }

  def show = render(json: { data: User.find(doorkeeper_token.resource_owner_id).slice(:id, :name) })
  def create = render(json: { data: { received: request.request_parameters.except(:member) } }, status: :created)
end

class VerificationController < ActionController::API
  # Access tokens have expired: they were issued long ago.
  def expire
    Doorkeeper::AccessToken.where(revoked_at: nil).update_all(created_at: 10.days.ago)
    head :ok
  end

  # An administrator has deleted what was granted.
  def forget
    Doorkeeper::AccessToken.delete_all
    head :ok
  end

  # Access tokens that are issued from now on live so long.
  def lifetime
    $lifetime = params[:seconds].to_i
    head :ok
  end

  # The first client has another secret, or its own again.
  def secret
    client = JSON.parse(ARGV[2])["clients"].first
    Doorkeeper::Application.find_by(uid: client["id"]).update!(secret: params[:changed] || client["secret"])
    head :ok
  end

  # How many tokens would be accepted.
  def alive
    tokens = Doorkeeper::AccessToken.where(revoked_at: nil).to_a
    render json: { access: tokens.count(&:accessible?), refresh: tokens.count(&:refresh_token) }
  end
end

Site.initialize!
Site.routes.draw do
  scope("v1") { use_doorkeeper { skip_controllers :applications, :authorized_applications } }
  resource :sign_in, only: [], controller: "sign_in" do
    get "", action: :new
    post "", action: :create
  end
  get "v1/members/me", to: "members#show"
  post "v1/members/me", to: "members#create"
  %w[expire forget alive].each { |name| get "verification/#{name}", to: "verification##{name}" }
  get "verification/lifetime/:seconds", to: "verification#lifetime"
  get "verification/secret(/:changed)", to: "verification#secret"
end

# The tables of Doorkeeper's own migration.
ActiveRecord::Migration.verbose = false
ActiveRecord::Schema.define do
  create_table(:users) { |t| t.string :name, :password }
  create_table :oauth_applications do |t|
    t.string :name, :uid, :secret, null: false
    t.text :redirect_uri, null: false
    t.string :scopes, null: false, default: ""
    t.boolean :confidential, null: false, default: true
    t.timestamps
  end
  create_table :oauth_access_grants do |t|
    t.references :resource_owner, :application, null: false
    t.string :token, null: false, index: { unique: true }
    t.integer :expires_in, null: false
    t.text :redirect_uri, null: false
    t.datetime :created_at, null: false
    t.datetime :revoked_at
    t.string :scopes, null: false, default: ""
    if given["pkce"]
      t.string :code_challenge
      t.string :code_challenge_method
    end
  end
  create_table :oauth_access_tokens do |t|
    t.references :resource_owner
    t.references :application, null: false
    t.string :token, null: false, index: { unique: true }
    t.string :refresh_token, index: { unique: true }
    t.integer :expires_in
    t.datetime :revoked_at
    t.datetime :created_at, null: false
    t.string :scopes
    t.string :previous_refresh_token, null: false, default: ""
  end
end

User.create!(given.slice("password").merge(name: given["user"]))
given["clients"].select { |client| client["secret"] }.each do |client|
  Doorkeeper::Application.create!(
    name: "Latchkey", uid: client["id"], secret: client["secret"], redirect_uri: given["redirect_uri"],
    scopes: "files.general.read sign_tasks.general.read sign_tasks.general.write",
  )
end

ActiveRecord::Base.clear_active_connections!
Rack::Handler::Puma.run(Site, Host: "127.0.0.1", Port: port, Threads: "16:16")
